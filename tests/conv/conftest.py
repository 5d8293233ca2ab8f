"""What the tests of the library share."""

import pytest
import tensorly as tl

from hocp.conv.choice.choose import read_again


@pytest.fixture(scope="module")
def numpy_backend():
    """TensorLy on NumPy: importing tensorly-torch anywhere in the process would leave it on torch."""
    with tl.backend_context("numpy", local_threadsafe=True):
        yield


@pytest.fixture
def tuning_file(tmp_path, monkeypatch):
    """A tuning file of the test's own, not there yet; what was known before and after is forgotten."""
    path = tmp_path / "cache" / "tuning.json"
    monkeypatch.setenv("HOCP_TUNING", str(path))
    read_again()
    yield path
    read_again()
