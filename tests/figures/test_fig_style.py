"""The common style: no global state, reproducible files, the mark of generated data, labels."""

import hashlib

import matplotlib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from figures import style
from figures.labels import label, labels, ordered


def _figure():
    figure = style.new_figure(style.COLUMN, 2.0)
    figure.add_subplot().plot([0, 1], [0, 1])
    return figure


def _hashes(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_style_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    with style.styled():
        assert matplotlib.rcParams["pdf.fonttype"] == 42
    assert dict(matplotlib.rcParams) == before


def test_style_does_not_depend_on_the_users_settings(tmp_path):
    with style.styled():
        style.save(_figure(), tmp_path / "a" / "f")
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red"}), style.styled():
        style.save(_figure(), tmp_path / "b" / "f")
    assert _hashes(tmp_path / "a") == _hashes(tmp_path / "b")


def test_saved_files_are_a_vector_and_a_picture_of_the_printed_size(tmp_path):
    with style.styled():
        style.save(_figure(), tmp_path / "f")
    assert (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF")
    from PIL import Image

    assert Image.open(tmp_path / "f.png").size == (650, 400)
    assert b"CreationDate" not in (tmp_path / "f.pdf").read_bytes()


def test_a_failed_save_leaves_the_old_file_and_no_scratch(tmp_path, monkeypatch):
    (tmp_path / "f.pdf").write_text("old")
    figure = _figure()
    monkeypatch.setattr(figure, "savefig", lambda *args, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        style.save(figure, tmp_path / "f")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"f.pdf": "old"}


@pytest.mark.parametrize(("data", "marks"), [("generated", [style.MARK]), ("licensed", [])])
def test_generated_data_is_marked_and_licensed_is_not(data, marks):
    figure = _figure()
    style.mark_generated(figure, data)
    assert [text.get_text() for text in figure.texts] == marks


def test_data_of_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="'real'"):
        style.mark_generated(_figure(), "real")


def test_generated_and_licensed_rows_do_not_share_a_figure():
    assert style.one_kind(["licensed", "licensed"], place="x") == "licensed"
    with pytest.raises(ValueError, match=r"runs\.csv"):
        style.one_kind(["licensed", "generated"], place="runs.csv")


def test_unknown_method_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'resnet99'.*resnet18, hocp"):
        label("methods", "resnet99")


def test_unknown_kind_of_label_is_named():
    with pytest.raises(ValueError, match="planets"):
        labels("planets")


def test_order_is_that_of_the_file_and_each_name_comes_once():
    assert ordered("methods", ["hocp_transduction", "hocp", "resnet18", "hocp"]) == [
        "resnet18",
        "hocp",
        "hocp_transduction",
    ]


@pytest.mark.parametrize("kind", ["datasets", "methods"])
def test_no_two_machine_names_look_alike(kind):
    shown = labels(kind).values()
    assert len({(look.colour, look.marker) for look in shown}) == len(shown)
    assert len({look.name for look in shown}) == len(shown)


def test_every_published_confidence_level_has_a_name():
    from hocp.contracts import published

    assert set(labels("confidence")) == set(published.load().levels)


@given(st.floats(0.01, 1e9), st.floats(1.5, 1e4))
def test_ticks_are_at_least_three_within_the_axis_and_not_crowded(low, factor):
    places = style.log_ticks(low, low * factor)
    assert all(low <= place <= low * factor for place in places)
    assert 3 <= len(places) <= 6
