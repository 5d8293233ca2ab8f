"""Prices of a GPU: those shipped are those of the committed benchmark, and decide as it does."""

from pathlib import Path

import pytest
import torch

from figures import speed
from hocp.contracts import files
from hocp.conv import Geometry
from hocp.conv.choice.decide import decide
from hocp.conv.choice.model import DEFAULTS, default_model, purchase
from hocp.conv.forms import Call, triton
from tests.bench import gpu_prices

(RECORD,) = (Path(__file__).parents[2] / "results" / "reference").glob("speed.nvidia-*/speed.csv")


@pytest.fixture(autouse=True)
def on_a_machine_with_triton(monkeypatch):
    monkeypatch.setattr(triton, "INSTALLED", True)


def test_what_is_shipped_is_fitted_to_the_committed_benchmark(tmp_path):
    assert gpu_prices.main([str(RECORD), str(tmp_path / "prices.json")]) == 0
    assert files.read_json(tmp_path / "prices.json") == files.read_json(DEFAULTS["cuda"])


def calls():
    """The calls of the benchmark at rank C, each with the milliseconds of the forms timed, channels last."""
    like = {"suite": "layers", "dtype": list(gpu_prices.DTYPES), "rank_of": "C", "layout": "channels_last"}
    rows = speed.where(speed.read(RECORD), **like).dropna(subset=["median_ms"])
    for _, found in rows.groupby(["subject", "call", "dtype"]):
        times = {row["peer"].removeprefix("hocp "): row["median_ms"] for row in found.to_dict("records")}
        forms = {name: time for name, time in times.items() if name in gpu_prices.FORMS_TIMED}
        yield gpu_prices.call_of(found.iloc[0].to_dict()), forms


def test_the_choice_costs_little_wherever_the_benchmark_can_tell():
    """The price of a launch is not among its times, so forms that are close may be taken for each other."""
    found = list(calls())
    assert len(found) == 3 * 8 + 2 * 8  # clips in three kinds of arithmetic, images without TF32
    for call, times in found:
        assert times[decide(call).taken] <= 1.15 * min(times.values()), call


@pytest.mark.parametrize(("order", "size", "times", "training", "taken"), [
    (3, (16, 56, 56), 1, True, "triton"), (3, (16, 56, 56), 6, True, "dense"),
    (3, (16, 56, 56), 1, False, "triton"), (2, (56, 56), 1, False, "dense"),
])  # fmt: skip
def test_tensor_cores_decide_by_rank_and_order(order, size, times, training, taken):
    call = Call(32, 64, 64, 1, 64 * times, size, Geometry((3,) * order, padding=1), torch.bfloat16, "cuda",
                "NVIDIA H200", 1, training, True)  # fmt: skip
    decision = decide(call)
    assert decision.taken == taken and decision.model == default_model("cuda").machine
    assert decide(call._replace(dtype=torch.float32)).taken == "triton"


def test_tf32_decides_where_torch_allows_it():
    """By default in convolutions, not in products: then dense ones win in images and at large rank."""
    clip = Call(32, 64, 64, 1, 64, (16, 56, 56), Geometry((3, 3, 3), padding=1), torch.float32, "cuda",
                "NVIDIA H200", 1, True, True)  # fmt: skip
    image = clip._replace(size=(56, 56), geometry=Geometry((3, 3), padding=1))
    by_default, both = (True, False), (True, True)
    assert [decide(call._replace(tf32=by_default)).taken for call in (clip, image)] == ["triton", "dense"]
    assert decide(clip._replace(rank=4 * 64, tf32=by_default)).taken == "dense"
    assert decide(clip._replace(rank=4 * 64)).taken == decide(clip._replace(tf32=both)).taken == "triton"
    kinds = {purchase(form, clip._replace(tf32=by_default)).precision for form in ("dense", "triton")}
    assert kinds == {"tf32", "full"} and "TF32 in convolutions" in str(clip._replace(tf32=by_default))
