"""Analytic costs against torch's counter, torchvision's figures and the bars of the paper's FLOP figure."""

import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hocp.__main__ import main
from hocp.contracts import files, published, record
from hocp.conv import CPConv
from hocp.networks import build, names, order_of
from hocp.networks.profile import parse_shape, profile, reference_outputs

PAPER = published.load()
SIZES = {2: (3, 40, 48), 3: (3, 5, 40, 48)}


def counted_macs(network, size):
    """What torch counts while it computes; the chain is the form that the formulas describe."""
    for layer in network.modules():
        if isinstance(layer, CPConv):
            layer.implementation = "chain"
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(torch.zeros(1, *size))
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("width", [0.125, 0.2])
def test_analytic_macs_are_the_counted_ones(name, width):
    size = SIZES[order_of(name)]
    found = profile(name, width=width, input_size=size, outputs=3).cost
    assert found.macs == counted_macs(build(name, width=width, outputs=3), size)
    assert found.uncounted == ()


def test_video_form_is_counted_too():
    size, form = SIZES[3], {"temporal_stride": 2, "per_frame": False}
    found = profile("hocp_resnet18_3d", width=0.125, input_size=size, **form).cost.macs
    assert found == counted_macs(build("hocp_resnet18_3d", width=0.125, **form), size)


@pytest.mark.parametrize("row", PAPER.document["reference_macs"]["rows"], ids=lambda row: row["network"])
def test_torchvisions_figures(row):
    form = {"temporal_stride": 2, "per_frame": False} if len(row["input"]) == 4 else {}
    found = profile(row["network"], outputs=row["outputs"], input_size=tuple(row["input"]), **form)
    assert round(found.cost.macs / 1e9, 3) == row["gmacs"]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The CSV that the command writes, read back."""
    path = tmp_path_factory.mktemp("cost") / "cost.csv"
    assert main(["cost", "--tables", "--out", str(path)]) == 0
    return files.read_csv(path, record.COST)


def of(table, name):
    return [row for row in table if row["table"] == name]


def test_bars_of_the_flop_figure_by_the_closed_form(table):
    bars = PAPER.bars()
    ours = {(int(r["c_in"]), int(r["c_out"]), r["kind"]): r for r in of(table, "flop_figure")}
    assert set(ours) == set(bars) and len(bars) == 15
    for key, row in ours.items():
        assert round(float(row["gflops_paper_convention"]), 5) == bars[key], key


def test_plain_multiply_adds_lie_below_the_bars(table):
    """2 P R (C + T + 9) is 0.93 to 4.10 % below a HO-CP bar, 2 P T 27 C at most 0.03 % below a dense one."""
    bars = PAPER.bars()
    for row in of(table, "flop_figure"):
        c, t, kind = int(row["c_in"]), int(row["c_out"]), row["kind"]
        below = 1 - 2e-9 * int(row["macs"]) / bars[c, t, kind]
        assert (0 < below < 3.1e-4) if kind == "dense" else (0.0092 < below < 0.0411), row
        if kind != "dense":
            assert int(row["macs"]) == 16384 * int(row["rank"]) * (c + t + 9)
            assert int(row["rank"]) == {"hocp3": 3, "hocp6": 6}[kind] * c


def test_every_table_and_every_network_is_there(table):
    assert {row["item"] for row in of(table, "networks")} == set(names())
    assert {row["item"] for row in of(table, "cifar")} == {n for n in names() if n.endswith("_cifar")}
    assert {row["item"] for row in of(table, "emotion")} == {n for n in names() if "mobilenet" not in n}
    assert len({(r["table"], r["item"], r["kind"]) for r in table}) == len(table)
    for row in table:
        assert all(int(row[column]) > 0 for column in ("parameters", "macs", "bytes"))


def test_rows_hold_what_the_networks_have(table):
    for row in of(table, "networks"):
        with torch.device("meta"):
            network = build(row["item"], outputs=reference_outputs(row["item"]))
        parameters = sum(p.numel() for p in network.parameters())
        assert int(row["parameters"]) == parameters
        assert int(row["bytes"]) > 4 * parameters


def test_json_of_the_command(capsys):
    command = ["cost", "hocp_resnet18_3d", "--json", "--width", "0.125", "--input", "3x4x32x32"]
    assert main([*command, "--outputs", "5"]) == 0
    report = json.loads(capsys.readouterr().out)
    network = build("hocp_resnet18_3d", width=0.125, outputs=5)
    assert report["parameters"] == sum(p.numel() for p in network.parameters())
    assert report["macs"] == counted_macs(network, (3, 4, 32, 32)) == sum(r["macs"] for r in report["layers"])
    assert report["bytes"] == 4 * report["parameters"] + report["activation_bytes"]
    assert (report["input"], report["outputs"]) == ([3, 4, 32, 32], 5)


def test_activation_bytes_by_hand():
    """Outputs of every layer of the thinnest image network on 32 x 32 pixels, float32."""
    stem = 8 * 16 * 16 * 3 + 8 * 8 * 8  # convolution, norm, ReLU; pool
    stage1 = 2 * 6 * 8 * 8 * 8  # a block: two of convolution, norm, ReLU
    later = sum((2 * 6 + 2) * c * side * side for c, side in ((16, 4), (32, 2), (64, 1)))
    expected = 4 * (stem + stage1 + later + 64 + 2)
    report = profile("resnet18", width=0.125, input_size=(3, 32, 32))
    assert report.cost.activation_bytes == expected


def test_tables_in_print(capsys):
    assert main(["networks"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in names()) and "33,167,298" in listed and "1.814 G" in listed
    assert main(["cost", "resnet18"]) == 0
    printed = capsys.readouterr().out
    assert "11,177,538" in printed and "layer4.1.conv2" in printed
    assert max(map(len, (listed + printed).splitlines())) <= 110


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (["cost", "resnet"], "network is 'resnet', expected one of resnet18"),
        (["cost"], "give NETWORK"),
        (["cost", "--tables"], "--tables and --out CSV"),
        (["cost", "resnet18", "--tables", "--out", "x.csv"], "give NETWORK"),
        (["cost", "resnet18", "--input", "3x16x112x112"], "expected 3xHEIGHTxWIDTH"),
        (["cost", "r3d18", "--input", "1x16x112x112"], "expected 3xFRAMESxHEIGHTxWIDTH"),
        (["cost", "r3d18", "--input", "3x-1x112x112"], "expected 3xFRAMES"),
        (["cost", "resnet18", "--outputs", "0"], "outputs of resnet18 is 0"),
        (["networks", "--width", "0"], "width of resnet18 is 0.0"),
    ],
)
def test_wrong_use_ends_with_one_line(command, text, capsys):
    assert main(command) == 2
    message = capsys.readouterr().err
    assert text in message and message.count("\n") == 1


def test_shape_takes_the_sign_that_people_write():
    assert parse_shape("3×224X112", order=2) == (3, 224, 112)
