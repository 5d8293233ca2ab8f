"""What the tests of the library share."""

import pytest
import tensorly as tl


@pytest.fixture(scope="module")
def numpy_backend():
    """TensorLy on NumPy: importing tensorly-torch anywhere in the process would leave it on torch."""
    with tl.backend_context("numpy", local_threadsafe=True):
        yield
