"""Augmentation: nothing for nothing, the same for all frames of a window, and what each setting does."""

import pytest
import torch

from hocp.learning import augment
from hocp.learning.seeding import generator

NONE = {"flip": 0.0, "rotate": 0.0, "scale": 0.0, "shift": 0.0, "light": 0.0}
ALL = {"flip": 0.5, "rotate": 20.0, "scale": 0.2, "shift": 0.1, "light": 0.3}


def _images(*size: int) -> torch.Tensor:
    return torch.randint(0, 256, (*size, 16, 16, 3), dtype=torch.uint8, generator=generator(1))


def test_no_change_changes_nothing():
    images = _images(4)
    assert torch.equal(augment.apply(images, augment.draw(4, NONE, generator(0))), images)


def test_a_certain_flip_mirrors_left_and_right():
    images = _images(4)
    changed = augment.apply(images, augment.draw(4, {**NONE, "flip": 1.0}, generator(0)))
    assert torch.equal(changed, images.flip(2))


def test_flips_come_as_often_as_asked():
    change = augment.draw(20_000, {**NONE, "flip": 0.3}, generator(0))
    assert abs(float((change.theta[:, 0, 0] < 0).float().mean()) - 0.3) < 0.02


def test_all_frames_of_a_window_change_alike():
    still = _images(3, 1).expand(3, 6, -1, -1, -1)
    changed = augment.apply(still, augment.draw(3, ALL, generator(0)))
    assert changed.shape == still.shape
    assert torch.equal(changed, changed[:, :1].expand_as(changed))
    assert not torch.equal(changed, still)


def test_a_window_of_one_frame_changes_as_an_image_does():
    images = _images(3)
    change = augment.draw(3, ALL, generator(0))
    assert torch.equal(augment.apply(images[:, None], change)[:, 0], augment.apply(images, change))


def test_a_quarter_turn_is_one():
    images = _images(1)
    change = augment.draw(1, NONE, generator(0))
    quarter = change._replace(theta=torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]]))
    assert torch.equal(augment.apply(images, quarter), torch.rot90(images, 1, (1, 2)))


def test_angles_sizes_and_shifts_stay_in_their_range():
    change = augment.draw(5000, ALL, generator(0))
    a, b, across = change.theta[:, 0].T
    size = 1 / (a.square() + b.square()).sqrt()
    assert size.min() >= 0.8 - 1e-5 and size.max() <= 1.2 + 1e-5 and size.std() > 0.1
    angle = torch.rad2deg(torch.atan2(change.theta[:, 1, 0], change.theta[:, 1, 1]))
    assert angle.abs().max() <= 20 + 1e-3 and angle.std() > 10
    assert across.abs().max() <= 0.2 + 1e-6  # a tenth of the side is a fifth of the coordinates' range
    assert (change.gain - 1).abs().max() <= 0.3 and (change.contrast - 1).abs().max() <= 0.3


def test_light_stays_in_bytes():
    white = torch.full((8, 4, 4, 3), 255, dtype=torch.uint8)
    changed = augment.apply(white, augment.draw(8, {**NONE, "light": 0.5}, generator(0)))
    assert changed.max() == 255 and changed.min() < 250


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match="blur"):
        augment.draw(1, {**NONE, "blur": 1.0}, generator(0))
