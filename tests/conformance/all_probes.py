"""All probes in the order of the table; importing this registers them."""

# isort: off
import probes_geometry  # noqa: F401
import probes_inputs  # noqa: F401
import probes_gradients  # noqa: F401
import probes_start  # noqa: F401
import probes_import  # noqa: F401
import probes_rank  # noqa: F401
import probes_transduction  # noqa: F401
import probes_saving  # noqa: F401
import probes_tools  # noqa: F401
import probes_use  # noqa: F401
# isort: on

from probing import PARTS, PROBES

#: Groups in reading order.
GROUPS = [group for groups in PARTS.values() for group in groups]

ALL = sorted(PROBES, key=lambda probe: GROUPS.index(probe.group))
