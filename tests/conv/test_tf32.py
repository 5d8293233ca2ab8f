"""Whether torch's settings allow TF32, by the older ones and by those of torch 2.9."""

import subprocess
import sys

import pytest
import torch

from hocp.conv.nd import tf32_allowed


@pytest.mark.parametrize("convolutions", [False, True])
@pytest.mark.parametrize("products", [False, True])
def test_by_the_older_settings(convolutions, products):
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32
    try:
        cudnn.allow_tf32, matmul.allow_tf32 = convolutions, products
        assert tf32_allowed() == (convolutions, products)
    finally:
        cudnn.allow_tf32, matmul.allow_tf32 = before


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="torch has the older settings only")
def test_by_the_newer_settings_after_which_the_older_cannot_be_read():
    program = (
        "import torch; from hocp.conv.nd import tf32_allowed\n"
        "assert tf32_allowed() == (True, False)\n"  # as torch begins
        "torch.backends.cuda.matmul.fp32_precision = 'tf32'\n"
        "torch.backends.cudnn.conv.fp32_precision = 'ieee'\n"
        "assert tf32_allowed() == (False, True)\n"
        "try: torch.backends.cuda.matmul.allow_tf32\n"
        "except RuntimeError: print('cannot be read')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "cannot be read\n"
