"""The identities hold, are measured on something, and a broken layer would be seen."""

import pytest
import torch

from hocp.__main__ import main
from hocp.contracts import claims, files, record
from hocp.conv import CPConv
from hocp.networks import identities


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    place = tmp_path_factory.mktemp("identities") / "identities.csv"
    assert main(["identities", "--out", str(place)]) == 0
    return files.read_csv(place, record.IDENTITIES)


def test_all_hold_in_float64(rows):
    assert {row["identity"]: row for row in rows if float(row["relative"]) > 1e-13} == {}
    assert all(float(row["scale"]) > 0.1 for row in rows)


def test_every_claim_finds_its_identities(rows):
    wanted = {name for claim in claims.load() for name in claim.test.get("names", ())}
    assert wanted == {row["identity"] for row in rows}
    assert {row["order"] for row in rows if row["identity"] == "chain_is_dense"} == {"1", "2", "3", "4"}


def test_the_second_way_is_another_one():
    """The oracle of order four against a sum over every tap, written out."""
    torch.manual_seed(1)
    x, kernel = torch.randn(1, 2, 3, 4, 3, 4).double(), torch.randn(3, 2, 3, 3, 3, 3).double()
    padded = torch.nn.functional.pad(x, [1, 1] * 4)
    expected = torch.zeros(1, 3, 3, 4, 3, 4).double()
    for a, b, c, d in torch.cartesian_prod(*[torch.arange(3)] * 4).tolist():
        part = padded[:, :, a : a + 3, b : b + 4, c : c + 3, d : d + 4]
        expected += torch.einsum("ncwxyz,tc->ntwxyz", part, kernel[:, :, a, b, c, d])
    torch.testing.assert_close(identities._dense(x, kernel), expected, rtol=1e-12, atol=1e-12)


def test_a_wrong_layer_is_seen(monkeypatch):
    """With a factor forgotten in the chain the error is no longer that of rounding."""
    plain = CPConv._convolve
    monkeypatch.setattr(CPConv, "_convolve", lambda self, x: plain(self, x) * 1.001)
    broken = {row["identity"] for row in identities.rows() if float(row["relative"]) > 1e-6}
    assert {"chain_is_dense", "mobilenet_v1_is_cp", "mobilenet_v2_is_cp"} <= broken
