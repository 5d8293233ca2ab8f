"""From order N to N + K: new modes for layers and networks, and the two stages of training them."""

from hocp.conv.transduction import rules, torch_layers  # noqa: F401  they register themselves
