"""Frames of a video file, decoded in sequence; seeking lands on wrong frames in the releases' AVI files."""

import io
import zlib
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from fractions import Fraction
from zipfile import BadZipFile

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from data_prep.archive import is_zip, split
from data_prep.record import Quarantine
from data_prep.tree import Tree

FASTEST = 1000  # frames a second; what states more, or less than one, states nothing
BYTES = 160 << 20  # of a file, held in memory; the longest segment of SEWA Basic has some 13 MB [inferred]
FORMS = (".avi", ".mp4")
_HEAD = 256 << 10  # bytes that hold an AVI file's headers and its first frames
_PROBED = 20  # videos of which a release's rate is reported
PIXELS = 1920 * 1088  # largest frame; the releases have 320 x 240 to 640 x 360
# What the releases and their usual conversions hold; every further decoder would be a door for hostile files.
CODECS = ("mpeg4", "mjpeg", "h264", "msmpeg4", "msmpeg4v2", "mpeg1video", "mpeg2video")
_BOUNDS = {"max_pixels": str(PIXELS)}  # asked by FFmpeg before it takes memory for a frame


def read(tree: Tree, path: str | None) -> bytes:
    """
    Content of a video file, or of the one video in a zip archive.

    Raises
    ------
    Quarantine
        ``img_missing`` or ``img_undecodable``.
    """
    if path is None:
        raise Quarantine("img_missing", "no video")
    try:
        return tree.read(_inside(tree, path), limit=BYTES)
    except OSError as error:
        raise Quarantine("img_missing", str(error)) from None
    except ValueError as error:
        raise Quarantine("img_undecodable", str(error)) from None


def _inside(tree: Tree, path: str) -> str:
    """The path itself, or that of the one video in an archive."""
    if not is_zip(path):
        return path
    videos = [name for name in tree.members(path) if name.lower().endswith(FORMS)]
    if len(videos) != 1:
        raise FileNotFoundError(f"{path}: {len(videos)} videos in it, expected one")
    return f"{path}/{videos[0]}"


def frames(data: bytes, *, wanted: Container[int], most: int) -> Iterator[tuple[int, np.ndarray | None]]:
    """
    Decode a video from its start to its end.

    Parameters
    ----------
    data : bytes
        Content of the file.
    wanted : container of int
        Frames that are converted, e.g. ``range(0, 1000, 5)``; the others are only counted.
    most : int
        Stop after so many frames.

    Yields
    ------
    index : int
        0 for the first frame.
    pixels : uint8 array, shape (height, width, 3), or None
        RGB; None for frames that are not wanted.

    Raises
    ------
    Quarantine
        ``img_empty`` or ``img_undecodable``, also half-way.
    """
    if not data:
        raise Quarantine("img_empty", "the video has no bytes")
    try:
        # The format is given, so that no file can pass for a play list that names other files.
        with av.open(io.BytesIO(data), format=_container(data), options=_BOUNDS) as container:
            stream = _stream(container)
            converter = VideoReformatter()  # one for all frames: setting it up costs more than a conversion
            for index, frame in enumerate(container.decode(stream)):
                if index >= most:
                    return
                if frame.width * frame.height > PIXELS:
                    raise Quarantine("img_undecodable", f"frames of {frame.width} x {frame.height} pixels")
                yield index, _rgb(converter, frame) if index in wanted else None
    except (av.FFmpegError, IndexError, ValueError, MemoryError) as error:
        text = getattr(error, "strerror", None) or error
        raise Quarantine("img_undecodable", f"the video does not decode: {text}") from None


def _stream(container: av.container.InputContainer) -> av.VideoStream:
    """The one stream that is decoded."""
    stream = container.streams.video[0]
    codec = stream.codec_context.name if stream.codec_context else "unknown"
    if codec not in CODECS:
        raise Quarantine("img_undecodable", f"codec {codec} is not among {', '.join(CODECS)}")
    stream.codec_context.options = _BOUNDS
    stream.codec_context.thread_count = 1  # parallel over clips, not within
    return stream


def _rgb(converter: VideoReformatter, frame: av.VideoFrame) -> np.ndarray:
    """RGB, shape (height, width, 3), in this thread: by default each conversion wakes one for every core."""
    return converter.reformat(frame, format="rgb24", threads=1).to_ndarray()


def rate(data: bytes) -> Fraction | None:
    """Frames per second that the container states; None if it states none that can be."""
    try:
        with av.open(io.BytesIO(data), format=_container(data), options=_BOUNDS) as container:
            found = Fraction(container.streams.video[0].average_rate or 0)
    except (av.FFmpegError, IndexError, ValueError, MemoryError, Quarantine):
        return None
    return found if 1 <= found <= FASTEST else None


def rates(tree: Tree, paths: Sequence[str]) -> dict[str, int]:
    """
    Rates that the containers of some videos state, by the first bytes alone.

    Parameters
    ----------
    paths : sequence of str
        Videos; of more than 20 about 20 are opened, evenly spread, as each costs some milliseconds.

    Returns
    -------
    dict
        Frames a second, "none" where the first bytes tell nothing -> number of videos.
    """
    probed = paths[:: -(-len(paths) // _PROBED) or 1]
    found = (rate(_head(tree, path)) for path in probed)
    return dict(Counter("none" if value is None else f"{float(value):g}" for value in found))


def _head(tree: Tree, path: str) -> bytes:
    """First bytes of a video; none where they do not read, which the reader of its frames says."""
    try:
        path = _inside(tree, path)
        if not tree.place(split(path)[0]).is_file():  # a pipe would block for ever
            return b""
        with tree.lines(path) as text:
            return text.buffer.read(_HEAD)
    except (OSError, KeyError, ValueError, EOFError, BadZipFile, zlib.error, NotImplementedError):
        return b""


def _container(data: bytes) -> str:
    """Recognise the two containers that copies of the releases use."""
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return "avi"
    if data[4:8] == b"ftyp":
        return "mp4"
    raise Quarantine("img_undecodable", "neither an AVI nor an MP4 file")
