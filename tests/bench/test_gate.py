"""The gate: a planted slowdown is found, noise and a change of the whole machine's speed are not."""

import random

import pytest

from hocp.contracts import files, record
from tests.bench import collect, gate
from tests.bench.ratios import Ratio, ratios
from tests.bench.speed_parts import benchmark, part

PEERS = {"dense": 100, "tltorch factorized": 50, "hocp auto": 10, "hocp views": 11}
CALLS = ("forward", "forward + backward")


def run(*, seed=0, slow=1.0, machine=1.0, noise=0.1, passes=5, who="hocp auto"):
    """Rows as a CSV holds them: each pass has its own speed, each call its own noise; one is slowed."""
    draw = random.Random(seed)
    benchmarks = []
    for call in CALLS:
        for turn in range(passes):
            pace = machine * draw.uniform(0.7, 1.4)  # of everything in this pass
            for peer, time in PEERS.items():
                time = time * (slow if peer == who else 1) * pace
                times = [time * (1 + noise * draw.uniform(-1, 1)) for _ in range(4)]
                benchmarks.append(benchmark(peer, turn, times, call=call))
    return [{key: str(value) for key, value in row.items()} for row in collect.rows({"p": part(*benchmarks)})]


def grown(fresh, reference):
    return {
        place for place, both in gate.compare(fresh, reference).items() if gate.has_grown(*both, gate.MARGIN)
    }


def test_ratio_is_taken_within_each_pass():
    parts = {"p": part(
        *(benchmark("hocp auto", turn, [time]) for turn, time in enumerate((10, 20, 40))),
        *(benchmark("dense", turn, [time]) for turn, time in enumerate((50, 80, 400))),
    )}  # fmt: skip
    rows = [{key: str(value) for key, value in row.items()} for row in collect.rows(parts)]
    ((place, ratio),) = ratios(rows).items()
    assert place[-1] == "dense" and ratio == Ratio(0.2, 0.1, 0.25)


def test_ratio_is_to_the_faster_layout():
    parts = {"p": part(
        benchmark("hocp auto", 0, [10]), benchmark("dense", 0, [40]),
        benchmark("dense", 0, [20], layout="channels_last"),
    )}  # fmt: skip
    rows = [{key: str(value) for key, value in row.items()} for row in collect.rows(parts)]
    assert [ratio.middle for ratio in ratios(rows).values()] == [0.5]


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_regression(seed):
    assert grown(run(seed=seed + 100), run(seed=seed)) == set()


@pytest.mark.parametrize("machine", [0.3, 5])
def test_speed_of_the_whole_machine_is_no_regression(machine):
    assert grown(run(seed=1, machine=machine), run(seed=2)) == set()


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_slowdown_is_found_against_every_peer(seed):
    found = grown(run(seed=seed + 100, slow=2), run(seed=seed))
    assert {(place[4], place[-1]) for place in found} == {
        (call, peer) for call in CALLS for peer in PEERS if peer != "hocp auto"
    }


def test_a_peer_alone_that_has_become_quicker_is_no_regression():
    fresh, reference = run(seed=7, slow=0.5, who="dense"), run(seed=8)
    ratios_grown = grown(fresh, reference)
    assert {(place[4], place[-1]) for place in ratios_grown} == {(call, "dense") for call in CALLS}
    found = gate.compare(fresh, reference)
    assert gate.ours_slower(found, ratios_grown) == set()
    assert len(gate.ours_slower(found, grown(run(seed=7, slow=2), reference))) == len(CALLS)
    text = gate.table(found, list(ratios_grown), set())
    assert text.count("against few") == len(CALLS) and "GROWN" not in text


def test_a_gain_is_no_regression():
    assert grown(run(seed=3, slow=0.5), run(seed=4)) == set()


def test_unlike_machines_are_refused():
    fresh = [row | {"processor": "Q"} for row in run()]
    with pytest.raises(ValueError, match=r"differ in processor: 'Q' and 'P'"):
        gate.compare(fresh, run())


def test_nothing_in_common_is_refused():
    with pytest.raises(ValueError, match="no case in common"):
        gate.compare([row | {"rank_of": "8C"} for row in run()], run())


def test_passes_measured_apart_are_refused():
    rows = run() + [row | {"peer": "tucker", "pass_medians_ms": "1"} for row in run()[:1]]
    with pytest.raises(ValueError, match=r"hocp auto and tucker have 5 and 1 passes"):
        ratios(rows)


@pytest.mark.parametrize(("slow", "status"), [(1, 0), (2, 1)])
def test_command(tmp_path, capsys, slow, status):
    paths = [str(tmp_path / name) for name in ("fresh.csv", "reference.csv")]
    for path, rows in zip(paths, (run(seed=5, slow=slow), run(seed=6)), strict=True):
        files.write_csv(path, record.SPEED, rows)
    out = tmp_path / "ratios.csv"
    assert gate.main(["--fresh", paths[0], "--reference", paths[1], "--out", str(out)]) == status
    told = capsys.readouterr().out
    assert told.count("GROWN") == (6 if status else 0) and "6 ratios compared" in told
    assert f"2 cases, ours has grown slower in {2 * status}" in told
    assert out.exists() == (status == 0)
    if status == 0:
        assert len(files.read_csv(out, gate.COLUMNS)) == 6


def test_command_refuses_in_words(tmp_path, capsys):
    paths = [str(tmp_path / name) for name in ("fresh.csv", "reference.csv")]
    files.write_csv(paths[0], record.SPEED, [row | {"torch": "2.6"} for row in run()])
    files.write_csv(paths[1], record.SPEED, run())
    assert gate.main(["--fresh", paths[0], "--reference", paths[1]]) == 2
    assert "differ in torch" in capsys.readouterr().err
