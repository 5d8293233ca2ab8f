"""Landmarks have the iBUG order, follow pose and expression, and lie where the drawing has the part."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data_prep.lookalike.expression import CHANNELS, HIGH, INDEX, LOW, add_class, express
from data_prep.lookalike.faces import Shot, render
from data_prep.lookalike.geometry import (
    WITHOUT_JAW_AND_INNER_CORNERS,
    curve,
    project,
    solid_landmarks,
    turn,
)
from data_prep.lookalike.identity import draw_identity
from data_prep.lookalike.seeds import stream

FLAT = Shot(light=(0.0, 0.0, 1.0), contrast=0.0, tint=(1.0, 1.0, 1.0))


def person(number=0, **changes):
    who = draw_identity(stream(number, "person"))
    return dataclasses.replace(who, glasses=False, beard=0.0, style="short", brow_tilt=0.0, **changes)


def calm(**channels):
    au = express(np.array(0.0), np.array(0.0), np.array(0.0))
    for name, value in channels.items():
        au[INDEX[name]] = value
    return au


def landmarks(who, au, scale=100.0):
    return project(solid_landmarks(who, au), turn(au), scale, np.zeros(2))


def test_order_is_ibug():
    points = landmarks(person(), calm())
    jaw, left_brow, right_brow = points[:17], points[17:22], points[22:27]
    left_eye, right_eye, nose, mouth = points[36:42], points[42:48], points[27:36], points[48:68]
    assert np.all(np.diff(jaw[:, 0]) > 0)
    assert jaw[8, 1] == jaw[:, 1].max()
    assert np.all(np.diff(np.r_[left_brow[:, 0], right_brow[:, 0]]) > 0)
    assert np.all(np.diff(nose[:4, 1]) > 0)
    assert np.all(np.diff(nose[4:, 0]) > 0)
    for eye in (left_eye, right_eye):
        assert eye[0, 0] < eye[1, 0] < eye[2, 0] < eye[3, 0]
        assert eye[5, 0] < eye[4, 0]
        assert eye[1:3, 1].max() < eye[4:, 1].min()
    assert left_brow[:, 1].max() < left_eye[:, 1].min() < nose[4:, 1].min() < mouth[:, 1].min() < jaw[8, 1]
    assert mouth[0, 0] == mouth[:, 0].min()
    assert mouth[6, 0] == mouth[:, 0].max()
    assert np.all(np.diff(mouth[:7, 0]) > 0)
    assert np.all(np.diff(mouth[6:12, 0]) < 0)
    assert mouth[3, 1] < mouth[9, 1]
    assert mouth[0, 0] < mouth[12, 0] < mouth[16, 0] < mouth[6, 0]


@pytest.mark.parametrize("number", range(5))
def test_calm_face_is_its_own_mirror_image(number):
    swap = [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, *range(35, 30, -1)]
    swap += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, *range(54, 47, -1), *range(59, 54, -1)]
    swap += [64, 63, 62, 61, 60, 67, 66, 65]
    points = landmarks(person(number), calm())
    np.testing.assert_allclose(points[swap] * (-1, 1), points, atol=1e-9)


def test_forty_nine_points():
    dropped = set(range(68)) - set(WITHOUT_JAW_AND_INNER_CORNERS.tolist())
    assert dropped == {*range(17), 60, 64}
    assert len(WITHOUT_JAW_AND_INNER_CORNERS) == 49


def test_expressions_move_the_right_parts():
    who, rest = person(), landmarks(person(), calm())
    corners, middle = [48, 54], [51, 57]

    def lift(part, **channels):
        return (rest - landmarks(who, calm(**channels)))[part, 1].mean()

    assert lift(corners, smile=1.0) > 8 > -8 > lift(corners, smile=-1.0)
    assert lift([57, 8], open=1.0) < -15
    assert lift([*range(17, 27)], brow_raise=1.0) > 8
    assert lift([21, 22], furrow=1.0) < -5 < 5 < lift([21, 22], inner_brow=1.0)
    assert lift([37, 38, 43, 44], eye_open=1.6) > 3 > -3 > lift([37, 38, 43, 44], eye_open=0.2)
    assert lift([48], smirk=1.0) == pytest.approx(0, abs=1)
    assert lift([54], smirk=1.0) > 5
    assert lift(middle, smile=1.0) < 0


def test_pose_turns_the_head():
    who, rest = person(), landmarks(person(), calm())
    assert (landmarks(who, calm(yaw=20.0)) - rest)[30, 0] > 15, "the nose moves to the right of the image"
    assert (landmarks(who, calm(pitch=15.0)) - rest)[30, 1] > 10, "nodding moves the nose down"
    chin, nose = landmarks(who, calm(roll=20.0))[[8, 27]]
    assert chin[0] < nose[0], "clockwise roll takes the chin to the left"
    for axis in ("yaw", "pitch", "roll"):
        rotation = turn(calm(**{axis: 25.0}))
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("pose", [{}, {"yaw": 20.0}, {"roll": -18.0}, {"pitch": 10.0, "yaw": -15.0}])
def test_painted_parts_lie_at_their_landmarks(pose):
    who = person(3, iris=(0, 0, 255), lips=(255, 0, 255), brows=(0, 255, 0), skin=(200, 160, 130))
    picture, points = render(
        Image.new("RGB", (260, 260), (128, 128, 128)),
        who,
        au=calm(eye_open=1.4, **pose),
        shot=FLAT,
        scale=100.0,
        centre=(130.0, 120.0),
    )
    pixels = np.asarray(picture, int)
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    parts = {
        "irises": ((blue - red > 70) & (blue - green > 70), points[36:48], 4),
        "lips": ((red - green > 90) & (blue - green > 90), points[48:60], 4),
        "brows": ((green - red > 70) & (green - blue > 70), points[17:27], 6),
    }
    for name, (mask, where, tolerance) in parts.items():
        y, x = np.nonzero(mask)
        assert len(x) > 40, name
        np.testing.assert_allclose((x.mean(), y.mean()), where.mean(axis=0), atol=tolerance, err_msg=name)


def test_points_of_a_curve_are_on_it():
    points = stream(0, "curve").normal(size=(6, 2))
    np.testing.assert_allclose(curve(points, 4)[::4], points, atol=1e-12)
    np.testing.assert_allclose(curve(points, 3, closed=True)[::3], points, atol=1e-12)


@given(
    mouth=st.floats(-1.5, 1.5),
    brow=st.floats(-1.5, 1.5),
    arousal=st.floats(-1.5, 1.5),
    code=st.integers(0, 7),
)
def test_channels_stay_in_what_a_face_can_do(mouth, brow, arousal, code):
    au = add_class(express(mouth, brow, arousal), code)
    assert au.shape == (len(CHANNELS),)
    assert np.all(au >= LOW)
    assert np.all(au <= HIGH)


def test_landmarks_stay_in_order_at_the_extremes():
    rng = stream(0, "extremes")
    for number in range(40):
        au = rng.uniform(LOW, HIGH)
        au[-3:] = 0
        points = landmarks(person(number), au)
        assert points[48, 0] < points[57, 0] < points[54, 0]
        assert points[62, 1] <= points[66, 1] + 1e-9
        assert points[51, 1] < points[57, 1] < points[8, 1]
        assert points[37:39, 1].mean() <= points[40:42, 1].mean() + 0.5
