"""The model of cost: operations counted by the forms against independent counts, prices fitted and read."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hocp.contracts.files import read_json
from hocp.conv import CPConv, Geometry, cp_cost
from hocp.conv.choice.model import DEFAULTS, Model, Prices, Purchase, default_model, fit, read
from hocp.conv.forms import FORMS, Call, Operations

CALL = Call(2, 16, 32, 1, 24, (9, 10), Geometry((3, 5), stride=(1, 2), padding=1))


def call_of_order(order: int, **more) -> Call:
    size, kernel = (6, 7, 8, 5)[:order], (3, 2, 3, 1)[:order]
    return Call(2, 16, 32, 1, 24, size, Geometry(kernel, padding=1), **more)


@pytest.mark.parametrize("form", ["chain", "merged", "views", "dense"])
@pytest.mark.parametrize("call", [CALL, *map(call_of_order, (1, 2, 3, 4))], ids=str)
def test_operations_are_those_of_the_cost_twin(form, call):
    """Two floating-point operations a MAC; channels of whole blocks, so that 'dense' pads none."""
    cost = cp_cost(16, 32, call.geometry, call.size, rank=24, form=form)
    macs = {stage.name: stage.macs for stage in cost.stages}
    once = 2 * macs.pop("rebuild", 0)
    work = FORMS[form].work(call)
    assert work.matrix + work.other == pytest.approx(once + 2 * call.batch * sum(macs.values()))


def test_groups_share_the_matrix_products_and_multiply_the_rank_space():
    one, two = (FORMS["chain"].work(CALL._replace(groups=groups)) for groups in (1, 2))
    assert one.matrix == two.matrix and two.other == 2 * one.other


@pytest.mark.parametrize("shape", [
    (1, 16, 28, 28), (2, 16, 28, 28), (1, 64, 28, 28), (1, 4, 70, 80), (1, 512, 6, 6),
    (1, 64, 4, 28, 28), (1, 64, 4, 56, 56), (1, 128, 8, 28, 28), (2, 16, 8, 28, 28),
])  # fmt: skip
def test_dense_knows_which_convolutions_torch_does_in_a_slow_loop(shape):
    order = len(shape) - 2
    layer = CPConv(shape[1], 8, (3,) * order, rank=2, padding=1)
    work = FORMS["dense"].work(layer.eval().requires_grad_(False).call_of(torch.empty(shape)))
    ones, zeros = [1] * order, [0] * order
    arguments = (torch.empty(shape), layer.to_kernel(), None, ones, ones, ones, False, zeros, 1, None)
    slow = "Slow" in str(torch._C._select_conv_backend(*arguments))
    assert slow == (work.other > 0) == (work.matrix == 0)


def test_a_kept_kernel_is_not_paid_for():
    rebuilt, kept = (FORMS["dense"].work(CALL._replace(kept=kept)) for kept in (False, True))
    assert rebuilt.matrix - kept.matrix == 2 * 24 * 16 * 32 * 15
    assert rebuilt.launches > kept.launches == 1
    assert FORMS["dense"].work(CALL._replace(kept=True, training=True)).launches > kept.launches


@pytest.mark.parametrize("form", ["chain", "merged", "views"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_bytes_kept_for_backward_are_those_that_torch_keeps(form, order):
    layer = CPConv(4, 6, (3,) * order, rank=40, padding=1, implementation=form)
    x, wide = torch.randn(2, 4, *(7, 8, 5)[:order], requires_grad=True), []

    def note(tensor):
        if tensor.numel() > max(x.numel(), 40 * 7):  # neither the input nor a parameter
            wide.append(tensor.numel() * tensor.element_size())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        layer(x)
    assert sum(wide) == FORMS[form].work(layer.call_of(x)).saved


def test_seconds_by_hand_and_shared_among_threads():
    prices = Prices(launch=1, matrix=2, other=3, byte=4, copied=5)
    work = Operations(matrix=10, other=100, bytes=1000, launches=7, copied=10_000)
    assert prices.seconds(work) == 7 + 20 + 300 + 4000 + 50_000
    assert prices.seconds(work, share=0.5) == 7 + 10 + 150 + 2000 + 25_000
    model = Model("m", "cpu", 1, {Purchase("chain", 2, False): prices})
    assert model.seconds("chain", work, CALL) == prices.seconds(work)
    assert model.seconds("chain", work, CALL._replace(threads=2)) == prices.seconds(work, share=0.5)
    for unknown in (CALL._replace(training=True), CALL._replace(device="cuda"), call_of_order(4)):
        assert model.seconds("chain", work, unknown) is None
    assert model.seconds("views", work, CALL) is None


@settings(deadline=None, max_examples=30)
@given(
    price=st.tuples(*[st.floats(0.1, 10)] * 5),
    loads=st.lists(st.sampled_from([1.0, 1.0, 1.0, 3.0]), min_size=20, max_size=20),
    seed=st.integers(0, 1000),
)
def test_prices_are_found_again_whatever_the_load(price, loads, seed):
    generator = torch.Generator().manual_seed(seed)
    kinds = {Purchase("a", 2, False): Prices(*price), Purchase("b", 2, False): Prices(*reversed(price))}
    loads[:11] = [1.0] * 11  # most of the time the machine is ours
    groups = []
    for load in loads:
        numbers = torch.rand(2, 5, generator=generator).tolist()
        works = [Operations(m, o, b, launches, c) for launches, m, o, b, c in numbers]
        pairs = zip(kinds.items(), works, strict=True)
        groups.append([(kind, work, load * prices.seconds(work)) for (kind, prices), work in pairs])
    found = fit(groups, passes=40)
    for kind, prices in kinds.items():
        work = Operations(1, 1, 1, 1, 1)
        assert found[kind].seconds(work) == pytest.approx(prices.seconds(work), rel=0.05)


def test_a_model_survives_its_json_and_a_broken_one_is_refused():
    gpu = default_model("cuda")
    assert read(json.loads(json.dumps(gpu.fields()))) == gpu
    model = default_model()
    assert read(json.loads(json.dumps(model.fields()))) == model
    for change in ({"prices": [{}]}, {"threads": 0}, {"prices": None}):
        with pytest.raises(ValueError, match="a model of cost"):
            read(model.fields() | change)
    rows = model.fields()["prices"]
    for price in (-1e-9, float("nan"), "much"):
        with pytest.raises(ValueError):
            read(model.fields() | {"prices": [rows[0] | {"byte": price}]})


def test_a_tuning_file_written_before_tf32_was_told_apart_is_understood():
    fields = default_model("cuda").fields()
    kept = [row for row in fields["prices"] if row["precision"] != "tf32"]
    earlier = [{name: value for name, value in row.items() if name != "precision"} for row in kept]
    for row, now in zip(earlier, kept, strict=True):
        row["half"] = now["precision"] == "half"
    assert read(fields | {"prices": earlier}) == read(fields | {"prices": kept})


@pytest.mark.parametrize(("kind", "capability"), [("cpu", "AVX2"), ("cpu with AVX-512", "AVX512")])
def test_the_shipped_prices_cover_all_forms_in_torch_and_name_their_machine(kind, capability):
    model = read(read_json(DEFAULTS[kind]))
    wanted = {
        Purchase(form, order, training)
        for form in ("chain", "merged", "views", "dense") for order in (2, 3) for training in (False, True)
    }  # fmt: skip
    assert wanted <= set(model.prices) and f"({capability}), torch" in model.machine
    wide = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    assert (default_model() == model) == (wide == (capability == "AVX512"))
