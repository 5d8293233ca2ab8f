"""Seconds of CPU of the single stages, on a sample: the decoder's, alone and to RGB, crop, writing."""

import io
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from PIL import Image

from data_prep import faces, images, pack, video
from data_prep.record import Box
from data_prep.tree import Tree
from tests.prep_bench.sizes import SIDE

SAMPLE = 200  # pictures
FILMS = 2  # videos
TURNS = 5  # whose median is taken
STEP = 5  # frames of a video from one that is kept to the next, the reader's default


def measure(dataset: str, release: Path, scratch: Path) -> Iterator[dict[str, Any]]:
    """One row a stage: pictures or container frames, and the median of the seconds of CPU."""
    data = sample(Tree(release), dataset)
    # Pillow decodes into RGB; frames of videos have to be converted, those that are kept.
    calls = (_decode_video, _convert_video, _crop_video) if dataset == "sewa" else (_decode, _decode, _crop)
    seconds = defaultdict(list)
    for _ in range(TURNS):  # in turn, so that a slow minute of the machine meets all of them
        for stage, call in zip(("decode", "convert", "crop"), calls, strict=True):
            start = time.thread_time()
            count = call(data)
            seconds[stage].append(time.thread_time() - start)
    for stage, found in seconds.items():
        yield {"stage": stage, "decoded": count, "cpu_s": median(found)}
    crops = np.random.default_rng(0).integers(0, 256, (SAMPLE, SIDE, SIDE, 3), np.uint8)
    start = time.thread_time()
    with pack.writing(scratch, SIDE) as store:
        for pixels in crops:
            store.append(pixels)
    yield {"stage": "encode", "decoded": SAMPLE, "cpu_s": time.thread_time() - start}


def sample(tree: Tree, dataset: str) -> list[bytes]:
    """Files, in memory, evenly from the whole release."""
    wanted, most = (".avi", FILMS) if dataset == "sewa" else ((".jpg", ".png"), SAMPLE)
    paths = [path for path in tree.everything() if path.endswith(wanted)]
    return [tree.read(path) for path in paths[:: max(1, len(paths) // most)][:most]]


def _decode(data: list[bytes]) -> int:
    """Pillow's decoder into its own memory."""
    for content in data:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
    return len(data)


def _crop(data: list[bytes]) -> int:
    """Decoding, conversion and crop of the middle, as the pipeline does them."""
    for content in data:
        picture = images.decode(content)
        height, width = picture.shape
        _cut(picture.image, width, height)
    return len(data)


def _cut(pixels: np.ndarray | Image.Image, width: int, height: int) -> None:
    half = min(width, height) * 0.35
    box = Box(width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half)
    faces.cut(pixels, faces.square(faces.inside(box, width, height), margin=1.1), SIDE)


def _decode_video(data: list[bytes]) -> int:
    """FFmpeg's decoder, on one thread, without conversion of any frame."""
    return sum(1 for content in data for _ in _frames(content))


def _convert_video(data: list[bytes]) -> int:
    """The same, and FFmpeg's conversion of the frames that are kept, on one thread."""
    count = 0
    for content in data:
        converter = VideoReformatter()
        for index, frame in enumerate(_frames(content)):
            count += 1
            if index % STEP == 0:
                converter.reformat(frame, format="rgb24", threads=1)
    return count


def _frames(content: bytes) -> Iterator[av.VideoFrame]:
    with av.open(io.BytesIO(content), format="avi") as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        yield from container.decode(stream)


def _crop_video(data: list[bytes]) -> int:
    count = 0
    for content in data:
        for _, pixels in video.frames(content, wanted=range(0, 10**6, STEP), most=10**6):
            count += 1
            if pixels is not None:
                _cut(pixels, *pixels.shape[1::-1])
    return count
