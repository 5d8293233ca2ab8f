"""Video files by hand, and in containers that no release uses."""

import io
import struct
from functools import cache

import av

from tests.data_prep.mini_releases import encode, ramp, video

WIDTH, HEIGHT = 160, 100


def riff(kind: bytes, content: bytes, *, size: int | None = None) -> bytes:
    """One chunk, with the size that it claims."""
    return (
        kind
        + struct.pack("<I", len(content) if size is None else size)
        + content
        + b"\0" * (len(content) % 2)
    )


def avi(
    frames: list[bytes],
    *,
    fourcc: bytes = b"MJPG",
    width: int = WIDTH,
    height: int = HEIGHT,
    rate: tuple[int, int] = (50, 1),
    streams: int = 1,
    kind: bytes = b"vids",
    total: int | None = None,
    size: int | None = None,
    index: bytes | None = None,
    extra: bytes = b"",
) -> bytes:
    """
    An AVI file of any header.

    Parameters
    ----------
    frames
        Encoded frames.
    rate
        Numerator and denominator of frames a second.
    streams, total, size
        Streams, frames and bytes of the frame list that it claims.
    index
        Content of its index; none by default.
    extra
        Further chunks of the stream's header.
    """
    total = len(frames) if total is None else total
    head = struct.pack("<14I", 20_000, 0, 0, 16, total, 0, streams, 0, width, height % (1 << 32), 0, 0, 0, 0)
    stream = (
        kind
        + fourcc
        + struct.pack("<IHHIIIIIIIIhhhh", 0, 0, 0, 0, rate[1], rate[0], 0, total, 0, 0, 0, 0, 0, 0, 0)
    )
    form = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, fourcc, 0, 0, 0, 0, 0)
    strl = b"strl" + riff(b"strh", stream) + riff(b"strf", form) + extra
    header = riff(b"LIST", b"hdrl" + riff(b"avih", head) + riff(b"LIST", strl))
    body = riff(b"LIST", b"movi" + b"".join(riff(b"00dc", frame) for frame in frames), size=size)
    return riff(b"RIFF", b"AVI " + header + body + (riff(b"idx1", index) if index is not None else b""))


@cache
def jpeg(width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """One frame."""
    return encode(ramp(width, height), "JPEG")


@cache
def sound(frames: int, rate: int = 50) -> bytes:
    """The video that the release should have."""
    return video(frames, rate=rate)


@cache
def contained(form: str, codec: str, frames: int = 12) -> bytes:
    """The same frames in another container."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=50)
        stream.width, stream.height, stream.pix_fmt = (
            WIDTH,
            HEIGHT,
            "yuvj420p" if codec == "mjpeg" else "yuv420p",
        )
        for blue in range(frames):
            frame = av.VideoFrame.from_ndarray(ramp(WIDTH, HEIGHT, blue), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


#: Texts that name other files; a player opens those.
PLAYLISTS = (
    b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\nfile:../beside/secret.txt\n#EXT-X-ENDLIST\n",
    b"ffconcat version 1.0\nfile ../beside/secret.txt\n",
    b"[playlist]\nFile1=/etc/hostname\nNumberOfEntries=1\n",
    b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    b"<?xml version='1.0'?><MPD><BaseURL>file:///etc/hostname</BaseURL></MPD>",
    b"RIFF\x99\0\0\0AVI #EXTM3U\n#EXTINF:1,\n/etc/hostname\n",
    b"\0\0\0\x14ftypm3u8#EXTM3U\n#EXTINF:1,\n/etc/hostname\n",
)
