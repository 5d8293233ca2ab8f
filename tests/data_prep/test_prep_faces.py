"""The crop function, on ramps whose colours are coordinates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mini_releases import points, ramp
from PIL import Image

from data_prep import faces
from data_prep.record import Box, Quarantine


def test_box_off_the_diagonal_is_not_transposed():
    """Crops published elsewhere took x for the row; boxes on the diagonal hide that."""
    crop = faces.cut(ramp(200, 120), Box(150, 10, 190, 50), 40)
    assert np.array_equal(crop[0, :, 0], np.arange(150, 190))
    assert np.array_equal(crop[:, 0, 1], np.arange(10, 50))


def test_square_keeps_the_centre_and_takes_the_longer_side():
    assert faces.square(Box(10, 20, 30, 60), margin=1.5) == Box(20 - 30, 40 - 30, 20 + 30, 40 + 30)


def test_square_on_the_screen_is_narrow_in_stored_pixels():
    square = faces.square(Box(100, 100, 175, 200), margin=1.0, aspect=4 / 3)
    assert (square.right - square.left) * 4 / 3 == pytest.approx(square.bottom - square.top) == 100
    assert square.left + square.right == pytest.approx(275)


def test_beyond_the_border_the_last_pixels_are_repeated():
    crop = faces.cut(ramp(100, 80), Box(-20, -10, 20, 30), 40)
    assert np.array_equal(crop[5, :, 0], np.maximum(np.arange(-20, 20), 0))
    assert np.array_equal(crop[:, 5, 1], np.maximum(np.arange(-10, 30), 0))
    crop = faces.cut(ramp(100, 80), Box(90, 60, 130, 100), 40)
    assert np.array_equal(crop[5, :, 0], np.minimum(np.arange(90, 130), 99))
    assert np.array_equal(crop[:, 5, 1], np.minimum(np.arange(60, 100), 79))


@given(
    left=st.floats(-50, 150),
    top=st.floats(-50, 100),
    width=st.floats(2, 300),
    height=st.floats(2, 300),
    margin=st.floats(0.5, 3),
)
def test_crop_of_a_ramp_is_a_ramp(left, top, width, height, margin):
    """Colour at a crop's pixel is the image's coordinate there, clamped to the image, within a grey level."""
    box = Box(left, top, left + width, top + height)
    try:
        inside = faces.inside(box, 160, 110)
    except Quarantine as reason:
        assert reason.status == "box_bad"
        return
    assert inside.left >= 0 and inside.top >= 0 and inside.right <= 160 and inside.bottom <= 110
    square = faces.square(inside, margin=margin)
    noise = np.random.default_rng(0).integers(0, 256, (110, 160, 3), np.uint8)
    assert np.array_equal(faces.cut(noise, square, 24), faces.cut(Image.fromarray(noise), square, 24))
    crop = faces.cut(ramp(160, 110), square, 24).astype(float)
    step = (square.right - square.left) / 24
    centres = square.left + step * (np.arange(24) + 0.5) - 0.5  # pixel i has its centre at i + 0.5
    inner = (centres > step) & (centres < 159 - step)
    assert np.abs(crop[:, inner, 0] - centres[inner]).max(initial=0) < 1.01 + step / 8
    rows = square.top + step * (np.arange(24) + 0.5) - 0.5
    inner = (rows > step) & (rows < 109 - step)
    assert np.abs(crop[inner, :, 1] - rows[inner, None]).max(initial=0) < 1.01 + step / 8


@pytest.mark.parametrize(
    "box",
    [
        Box(10, 10, 10, 40),
        Box(30, 10, 18, 40),
        Box(500, 0, 540, 40),
        Box(-40, 0, -2, 9),
        Box(float("nan"), 0, 9, 9),
    ],
)
def test_box_without_area_in_the_image(box):
    with pytest.raises(Quarantine) as caught:
        faces.inside(box, 160, 100)
    assert caught.value.status == "box_bad"


@pytest.mark.parametrize("count", [68, 49])
def test_box_of_landmarks(count):
    assert faces.around(points(count, (60, 20, 40, 30)), count=count) == Box(60, 20, 100, 50)


@pytest.mark.parametrize(
    ("spots", "status"),
    [
        (np.empty((0, 2)), "lnd_missing"),
        (np.full((68, 2), -1.0), "lnd_missing"),
        (np.full((68, 2), np.nan), "lnd_missing"),
        (points(67), "lnd_count"),
        (points(49), "lnd_count"),
    ],
)
def test_landmarks_that_are_none(spots, status):
    with pytest.raises(Quarantine) as caught:
        faces.around(spots, count=68)
    assert caught.value.status == status
