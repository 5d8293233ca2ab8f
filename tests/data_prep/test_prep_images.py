"""Image and video files: every kind that the releases hold, and those that must not get through."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mini_releases import encode, ramp, video
from PIL import Image

from data_prep import images
from data_prep import video as reader
from data_prep.record import Quarantine

RAMP = Image.fromarray(ramp())


def status_of(function, *args, **kwargs) -> tuple[str, str]:
    with pytest.raises(Quarantine) as caught:
        function(*args, **kwargs)
    return caught.value.status, caught.value.note


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF"])
def test_lossless_forms_come_out_as_they_went_in(form):
    picture = images.decode(encode(RAMP, form))
    assert np.array_equal(picture.pixels, ramp()) and not picture.note


def test_jpeg_comes_out_nearly():
    picture = images.decode(encode(RAMP, "JPEG", quality=95))
    assert np.abs(picture.pixels.astype(int) - ramp()).mean() < 2 and not picture.note


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("L", "PNG"),
        ("L", "JPEG"),
        ("P", "PNG"),
        ("RGBA", "PNG"),
        ("LA", "PNG"),
        ("1", "PNG"),
        ("CMYK", "JPEG"),
    ],
)
def test_other_modes_are_converted_with_a_note(mode, form):
    image = RAMP.convert(mode)
    picture = images.decode(encode(image, form))
    assert picture.note == f"converted from mode {mode}"
    assert picture.pixels.shape == (100, 160, 3) and picture.pixels.dtype == np.uint8
    expected = np.asarray(image.convert("RGB"), int)
    assert np.abs(picture.pixels - expected).mean() < 3


def test_sixteen_bits_keep_their_range():
    values = np.linspace(0, 65535, 160 * 100).reshape(100, 160).astype(np.uint16)
    picture = images.decode(encode(Image.fromarray(values)))
    assert picture.note.startswith("converted from mode I")
    assert np.abs(picture.pixels[..., 0] - values / 257).max() <= 0.5


def test_orientation_in_exif_is_ignored():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    assert images.decode(encode(RAMP, "JPEG", exif=exif)).pixels.shape == (100, 160, 3)


def test_empty_file():
    assert status_of(images.decode, b"")[0] == "img_empty"


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PPM"])
def test_forms_outside_the_list_are_refused(form):
    assert status_of(images.decode, encode(RAMP, form))[0] == "img_undecodable"


def test_too_many_pixels_are_refused_unread():
    bomb = encode(Image.new("1", (12_000, 12_000)))
    assert len(bomb) < 100_000
    status, note = status_of(images.decode, bomb)
    assert status == "img_undecodable" and "12000 x 12000 pixels are too many" in note


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF"])
def test_cut_file_is_refused(form):
    data = encode(RAMP, form)
    for share in (0.02, 0.3, 0.7, 0.9):  # the end of a PNG holds no pixels
        assert status_of(images.decode, data[: int(share * len(data))])[0] == "img_undecodable"


@settings(max_examples=150, deadline=None)
@given(form=st.sampled_from(["PNG", "JPEG", "BMP", "TIFF"]), place=st.floats(0, 1), value=st.integers(0, 255))
def test_a_changed_byte_ends_in_pixels_or_in_quarantine(form, place, value):
    data = bytearray(encode(Image.fromarray(ramp(40, 30)), form))
    data[int(place * (len(data) - 1))] = value
    try:
        pixels = images.decode(bytes(data)).pixels
    except Quarantine as reason:
        assert reason.status == "img_undecodable" and "0x" not in reason.note
    else:
        assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3


def test_frames_are_counted_and_kept_in_step():
    seen = list(reader.frames(video(23), wanted=range(0, 100, 5), most=100))
    assert [index for index, _ in seen] == list(range(23))
    kept = [index for index, pixels in seen if pixels is not None]
    assert kept == [0, 5, 10, 15, 20]
    blues = [pixels[..., 2].mean() for _, pixels in seen if pixels is not None]
    assert np.allclose(blues, 2 * np.array(kept), atol=4)  # the video's frame i is painted with blue 2 i


def test_decoding_stops_at_the_limit():
    assert len(list(reader.frames(video(30), wanted=range(100), most=12))) == 12


def test_rate_of_the_container():
    assert reader.rate(video(5)) == 50 and reader.rate(video(5, rate=25)) == 25
    assert reader.rate(b"nothing") is None


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", "img_empty"),
        (b"#EXTM3U\nfile:///etc/hostname\n", "img_undecodable"),
        (b"RIFF\0\0\0\0AVI ", "img_undecodable"),
        (b"ffconcat version 1.0\nfile /etc/hostname\n", "img_undecodable"),
    ],
)
def test_files_that_are_no_video(data, status):
    assert status_of(lambda: list(reader.frames(data, wanted=range(9), most=9)))[0] == status


def test_a_cut_video_gives_its_frames_or_a_reason():
    data = video(40)
    for share in (0.1, 0.5, 0.9):
        frames, reason = 0, None
        try:
            for _ in reader.frames(data[: int(share * len(data))], wanted=range(100), most=100):
                frames += 1
        except Quarantine as caught:
            reason = caught.status
        assert frames < 40 and reason in (None, "img_undecodable")
