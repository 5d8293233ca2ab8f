"""Every Triton kernel compiles for a Hopper GPU, none of which is needed, and fits on it."""

from importlib.util import find_spec

import pytest
import torch

if find_spec("triton") is None:
    pytest.skip("Triton is not installed", allow_module_level=True)

from hocp.conv.kernels import triton_launch

if triton_launch.INTERPRETED:
    pytest.skip("TRITON_INTERPRET is set: kernels are not compiled", allow_module_level=True)

from triton_builds import CASES, build, launches_of, loop_length, numbers_a_thread, usage

SHARED = 227 * 1024  # bytes that a program may have on an H100 or H200


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Nothing is taken from earlier builds."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("case", CASES)
def test_builds_fit_and_spill_nothing(case, dtype):
    """Tiles that differ in nothing but the frames are built once."""
    launches = {str(launch.arguments | {"frames": 0}): launch for launch in launches_of(case, dtype)}
    assert launches
    for launch in launches.values():
        built = build(launch)
        found = usage(built)
        assert found.spilled == 0 and found.shared <= SHARED, (launch.options, found)
        if launch.kernel is not triton_launch.sum_of_parts and "rank 70" not in case:
            several = ["ld.global.v4", "ld.global.v2"]
            several += ["ld.global.b32"] if dtype == torch.bfloat16 else []  # two in one word
            assert any(load in built.asm["ptx"] for load in several)


def test_products_take_the_tensor_cores():
    for dtype in (torch.bfloat16, torch.float32):
        for launch in launches_of("3-D, last product, 64 channels", dtype):
            if launch.arguments["matrix"] is not None:
                ptx = build(launch).asm["ptx"]
                assert "mma.sync" in ptx or "wgmma" in ptx


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_the_other_dtypes_compile(dtype):
    for launch in launches_of("3-D", dtype)[:1] + launches_of("3-D backward", dtype)[-2:]:
        assert build(launch).asm["cubin"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_few_instructions_surround_the_multiply_adds(dtype):
    """Of 10.5 a number with blocks of four lines: what is added to them by tiles, loads and masks."""
    launch, *_ = launches_of("3-D", dtype)
    assert launch.arguments["ROWS"] == 4
    assert 10.5 < loop_length(build(launch)) / numbers_a_thread(launch) < 24
