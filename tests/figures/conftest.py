"""One made-up scenario for all figure tests."""

import figure_inputs
import pytest

from figures import style


@pytest.fixture(scope="session", autouse=True)
def in_style():
    """Draw in every test as the commands do."""
    with style.styled():
        yield


@pytest.fixture(scope="session")
def scenario(tmp_path_factory):
    """Folder laid out like results/<scenario>, with made-up contents; tests must not write into it."""
    return figure_inputs.write_scenario(tmp_path_factory.mktemp("scenario"))
