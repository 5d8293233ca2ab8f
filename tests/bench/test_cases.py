"""Who takes part in what, in which order, at which size."""

import pytest
import torch

from hocp.conv import explain
from tests.bench import cases, peers
from tests.bench.calls import prepare
from tests.bench.measuring import forms_taken, measurements, taking_part
from tests.bench.options import SIZES, SUBJECTS
from tests.bench.peers import Peer

KEPT = {"threads": 2, "allocator": "kept"}
FULL = cases.cases("full", "all", **KEPT)
COMPARED = [case for case in FULL if case.suite == "layers" and case.rank_of in cases.COMPARED[case.order]]


def test_peers_take_turns_within_a_case_and_call():
    case = cases.LayerCase(2, 8, (6, 6))
    order = list(measurements((case,), passes=3))
    expected = [(call, turn) for call in case.calls for turn in range(3)]
    assert list(dict.fromkeys((each.call, each.turn) for each in order)) == expected
    for call, turn in expected:
        found = [each.peer for each in order if (each.call, each.turn) == (call, turn)]
        assert found == taking_part(case, call) and len(set(found)) == len(found)


def test_layers_of_every_stage_at_every_rank():
    layers = {
        (c.order, c.channels, c.size[-1], c.rank_of) for c in FULL if c.suite == "layers" and c.batch > 1
    }
    stages = ((64, 56), (128, 28), (256, 14), (512, 7))
    assert layers == {(order, *stage, rank) for order in (2, 3) for stage in stages for rank in cases.RANKS}
    assert {c.rank for c in FULL if c.channels == 64} == {32, 64, 128, 192, 275, 384, 512}


def test_batch_one_and_both_networks():
    assert len([c for c in FULL if c.suite == "layers" and c.batch == 1]) == 8
    networks = {(c.subject, c.batch, c.rank_of) for c in FULL if c.suite == "networks"}
    assert networks == {
        (subject, batch, rank)
        for subject, batch in (("R3D-18, 8 x 112 x 112", 1), ("ResNet-18, 112 x 112", 16))
        for rank in ("C", "matched")
    }


@pytest.mark.parametrize("size", SIZES)
def test_subjects_part_a_size(size):
    of_subjects = [case for subject in SUBJECTS[1:] for case in cases.cases(size, subject, **KEPT)]
    assert set(of_subjects) == set(cases.cases(size, "all", **KEPT))
    assert len(of_subjects) == len(set(of_subjects))


def test_other_settings_measure_a_share():
    assert set(cases.cases("full", "all", threads=1, allocator="kept")) < set(FULL)


def test_the_gate_measures_cases_of_the_reference():
    one_thread = {"threads": 1, "allocator": "kept"}
    assert set(cases.cases("gate", "all", **one_thread)) < set(cases.cases("full", "all", **one_thread))


@pytest.mark.parametrize("case", FULL[:1] + FULL[28:29], ids=lambda case: case.subject)
def test_all_peers_at_rank_c_in_both_layouts(case):
    case = next(c for c in FULL if c.size == case.size and c.rank_of == "C" and c.batch > 1)
    found = {(peer.name, peer.layout) for peer in taking_part(case, "forward")}
    names = ["dense", "tucker", *(f"tltorch {name}" for name in peers.TLTORCH), "hocp auto", "hocp chain"]
    names += ["r2plus1d"] * (case.order == 3)
    assert {(name, layout) for name in names for layout in peers.LAYOUTS} <= found


@pytest.mark.parametrize("case", COMPARED, ids=lambda case: f"{case.subject}, {case.rank_of}")
def test_what_is_compared_is_of_one_size(case):
    """As far as whole ranks allow; (2+1)-D is as large as the dense layer, Tucker as the CP layer."""
    with torch.device("meta"):
        size = {
            name: peers.parameters(peers.build(name, case))
            for name in ("dense", "tucker", "hocp chain", *(["r2plus1d"] if case.order == 3 else []))
        }
    full = case.channels**2 * (2 + 3**case.order)  # of a Tucker layer of full rank
    assert size["tucker"] == pytest.approx(min(size["hocp chain"], full), rel=0.03)
    assert size.get("r2plus1d", size["dense"]) == pytest.approx(size["dense"], rel=0.01)


def test_layout_is_that_of_numbers_and_module():
    case = cases.LayerCase(2, 8, (3, 6, 6))
    made = prepare(peers.build("dense", case), case.input_shape, "channels_last", layer=True)
    for tensor in (made.x, made.upstream, made.module.weight):
        assert tensor.is_contiguous(memory_format=torch.channels_last_3d) and not tensor.is_contiguous()


def test_the_form_taken_is_seen():
    case = cases.LayerCase(2, 8, (6, 6))
    made = prepare(peers.build("hocp auto", case), case.input_shape, "contiguous", layer=True)
    form = explain(made.module, made.x, training=True).taken
    assert forms_taken(made.module, lambda: made.module(made.x)) == form
    assert forms_taken(made.module, lambda: [made.module(made.x) for _ in range(2)]) == f"2 {form}"


def test_recomputing_takes_part_where_there_is_a_backward_pass():
    case, peer = cases.LayerCase(2, 8, (6, 6)), Peer("hocp auto recompute", "channels_last")
    assert peer in taking_part(case, "forward + backward") and peer not in taking_part(case, "forward")
    assert peers.build(peer.name, case).recompute and not peers.build("hocp auto", case).recompute
