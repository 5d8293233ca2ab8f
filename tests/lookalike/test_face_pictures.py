"""Pictures of faces: people differ, light and camera act, the encoder is lossless, the sheet is drawn."""

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from data_prep.__main__ import main
from data_prep.lookalike import png
from data_prep.lookalike.expression import express
from data_prep.lookalike.faces import Shot, render
from data_prep.lookalike.identity import STYLES, draw_identity
from data_prep.lookalike.scene import backdrop, hair_lock, hand
from data_prep.lookalike.seeds import stream

CALM = express(0.0, 0.0, 0.0)


def picture(number=0, shot=None, extra=()):
    shot = shot or Shot(light=(0.0, 0.0, 1.0), contrast=0.5, tint=(1.0, 1.0, 1.0))
    back = Image.new("RGB", (96, 96), (90, 120, 150))
    who = draw_identity(stream(number, "person"))
    image, _ = render(back, who, au=CALM, shot=shot, scale=40.0, centre=(48.0, 46.0), extra=extra)
    return np.asarray(image, float)


def test_people_differ():
    faces = np.stack([picture(number)[20:80, 20:76] for number in range(8)])
    apart = [np.abs(a - b).mean() for i, a in enumerate(faces) for b in faces[:i]]
    assert min(apart) > 8
    assert {draw_identity(stream(n, "person")).style for n in range(60)} == set(STYLES)


def test_light_comes_from_its_side():
    left = picture(shot=Shot((-0.9, 0.0, 0.4), 0.8, (1.0, 1.0, 1.0)))
    right = picture(shot=Shot((0.9, 0.0, 0.4), 0.8, (1.0, 1.0, 1.0)))
    difference = (left - right).mean(axis=2)[40:70]
    assert difference[:, 24:40].mean() > 10
    assert difference[:, 56:72].mean() < -10


def test_blur_smooths_and_grain_roughens():
    def roughness(shot):
        return np.abs(np.diff(picture(shot=shot), axis=1)).mean()

    plain = ((0.0, 0.0, 1.0), 0.5, (1.0, 1.0, 1.0))
    assert roughness(Shot(*plain, blur=2.0)) < 0.8 * roughness(Shot(*plain))
    assert roughness(Shot(*plain, grain=8.0)) > 1.3 * roughness(Shot(*plain))


def test_things_in_front_cover_a_part_of_the_face():
    for thing in (hand, hair_lock):
        changed = np.abs(picture(extra=(thing(stream(0, "thing")),)) - picture()).max(axis=2) > 20
        assert 0.01 < changed.mean() < 0.5


def test_background_is_kept_where_there_is_no_face():
    assert np.abs(picture()[:6, :6] - (90, 120, 150)).max() <= 1
    wall = np.asarray(backdrop(stream(0, "wall"), 80, 60))
    assert wall.shape == (60, 80, 3)
    assert wall.std() > 3


@settings(max_examples=30, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_png_is_lossless(pixels):
    image = Image.open(io.BytesIO(png.encode(pixels)))
    assert image.format == "PNG"
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), pixels)


def test_command_draws_the_sheet(tmp_path, capsys):
    assert main(["lookalike", "sheet", "--out", str(tmp_path / "new" / "faces.png")]) == 0
    sheet = Image.open(tmp_path / "new" / "faces.png")
    assert min(sheet.size) > 500
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["faces.png"]
    assert "generated data" in capsys.readouterr().out


def test_command_refuses_politely(tmp_path, capsys):
    assert main(["lookalike", "afew_va", "--out", str(tmp_path / "x"), "--clips", "3"]) == 2
    assert "raise --clips" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
