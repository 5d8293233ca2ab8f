"""Frames of a video file, decoded in sequence; seeking lands on wrong frames in the releases' AVI files."""

import io
from collections.abc import Iterator

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from data_prep.record import Quarantine

PIXELS = 4096 * 4096  # largest frame


def frames(data: bytes, *, step: int, most: int) -> Iterator[tuple[int, np.ndarray | None]]:
    """
    Decode a video from its start to its end.

    Parameters
    ----------
    data : bytes
        Content of the file.
    step : int
        Every `step`-th frame is converted, beginning with the first; the others are only counted.
    most : int
        Stop after so many frames.

    Yields
    ------
    index : int
        0 for the first frame.
    pixels : uint8 array, shape (height, width, 3), or None
        RGB; None for frames between the steps.

    Raises
    ------
    Quarantine
        ``img_empty`` or ``img_undecodable``, also half-way.
    """
    if not data:
        raise Quarantine("img_empty", "the video has no bytes")
    try:
        # The format is given, so that no file can pass for a play list that names other files.
        with av.open(io.BytesIO(data), format=_container(data)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1  # parallel over clips, not within
            converter = VideoReformatter()  # one for all frames: setting it up costs more than a conversion
            for index, frame in enumerate(container.decode(stream)):
                if index >= most:
                    return
                if frame.width * frame.height > PIXELS:
                    raise Quarantine("img_undecodable", f"frames of {frame.width} x {frame.height} pixels")
                yield index, None if index % step else converter.reformat(frame, format="rgb24").to_ndarray()
    except (av.FFmpegError, IndexError, ValueError) as error:
        text = getattr(error, "strerror", None) or error
        raise Quarantine("img_undecodable", f"the video does not decode: {text}") from None


def rate(data: bytes) -> float | None:
    """Frames per second that the container states."""
    try:
        with av.open(io.BytesIO(data), format=_container(data)) as container:
            return float(container.streams.video[0].average_rate or 0) or None
    except (av.FFmpegError, IndexError, Quarantine):
        return None


def _container(data: bytes) -> str:
    """Recognise the two containers that copies of the releases use."""
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return "avi"
    if data[4:8] == b"ftyp":
        return "mp4"
    raise Quarantine("img_undecodable", "neither an AVI nor an MP4 file")
