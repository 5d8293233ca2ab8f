"""F18: labels and landmarks that are malformed, out of range, doubled or hostile, in all releases."""

import os
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.campaigns import annotation_files as make
from tests.campaigns.annotation_files import Lists, arrays, clip, entry, field, npy, segment
from tests.campaigns.case import Case
from tests.campaigns.kinds import Kinds
from tests.campaigns.outcomes import coarse, mixtures, of_preparation, of_release
from tests.data_prep import mini_releases as mini

FAULT, TITLE, SIZE = "F18", "Annotations", 2100
KINDS = Kinds(FAULT)
COARSE = ("ok", "set aside", "refused")


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield the campaign."""
    return KINDS.cases(count, seed)


def choice(kind: str, values: tuple, run: Callable[[Any], Callable[[Path], str]], *expected: str) -> None:
    """Add a kind whose cases take one of several values."""
    KINDS.add(kind, lambda rng, folder: run(rng.choice(values))(folder), *expected)


# AffectNet 2017: fields of a row --------------------------------------------------------------------------

NO_NUMBERS = (
    "nan",
    "inf",
    "-inf",
    "abc",
    "0x1p-1",
    "1_0",
    "1e400",
    "--1",
    "1.0.0",
    "0 5",
    "True",
    "1e",
    "\u0661",
    "=1+1",
)
ABSENT = ("", " ", "NULL", "null", "None", "N/A")
for column in ("valence", "arousal", "expression"):
    choice(f"AffectNet list: {column} is no number", NO_NUMBERS, partial(field, column), "label_nan+ok")
    choice(f"AffectNet list: {column} is absent", ABSENT, partial(field, column), "label_null+ok")
choice(
    "AffectNet list: label out of range",
    ("1.5", "-1.001", "7", "1e308", "-3", "1.00001"),
    partial(field, "valence"),
    "label_range+ok",
)
choice("AffectNet list: label -2", ("-2", "-2.0", "-2e0", " -2"), partial(field, "arousal"), "ok+va_missing")
choice(
    "AffectNet list: expression unknown or no whole number",
    ("11", "-1", "1.7", "-0.5", "1e300", "0.999999"),
    partial(field, "expression"),
    "label_range+ok",
)
choice(
    "AffectNet list: expression without a face",
    ("8", "9", "10", "10.0"),
    partial(field, "expression"),
    "class_excluded+ok",
)
choice(
    "AffectNet list: box is no number",
    (*NO_NUMBERS, *ABSENT, "9" * 100_000),
    partial(field, "face_width"),
    "box_bad+ok",
    "label_null+ok",
)
choice(
    "AffectNet list: box without area",
    ("0", "-4", "-1e308", "1e-300", "0.5"),
    partial(field, "face_height"),
    "box_bad+ok",
)
choice(
    "AffectNet list: box far away", ("1e308", "5000", "-1e9", "160"), partial(field, "face_x"), "box_bad+ok"
)
choice(
    "AffectNet list: box far too large",
    ("1e308", "1e9", "100000"),
    partial(field, "face_width"),
    "box_clamped+ok",
)

LANDMARKS = (
    "",
    ";",
    "1;2",
    "1;2;3",
    "x;y",
    ";".join(["nan"] * 136),
    ";".join(["-1"] * 136),
    "1;" * 30_000,
    ";".join(["1e999"] * 136),
    "1,2" * 68,
    ";".join(["1"] * 134),
    "1_0;" * 136,
)
CROP = "--crop=landmarks"
choice(
    "AffectNet list: landmarks",
    LANDMARKS,
    lambda text: partial(_with_landmarks, text=text),
    "lnd_missing+ok",
    "lnd_count+ok",
    "label_null+ok",
    "box_bad+ok",
)


def _with_landmarks(folder: Path, text: str) -> str:
    return field("facial_landmarks", f'"{text}"' if "," in text else text, CROP)(folder)


PATHS = (
    "../../beside/secret.txt",
    "/etc/hostname",
    "C:\\x.jpg",
    "\\\\host\\x",
    "",
    ".",
    "..",
    "~",
    "a/../../b",
    "x" * 5000,
    "x/" * 2000,
    "file:///etc/hostname",
    "$(touch owned)",
    "`touch owned`",
    "-rf",
    "a\0b",
    "a\tb\x1b[2J",
    "\u202egpj.exe",
    "1/\ud7ff.jpg",
    "CON",
    "|touch owned",
)
choice(
    "AffectNet list: path leads elsewhere",
    PATHS,
    partial(field, "subDirectory_filePath"),
    "img_missing+ok",
    "label_null+ok",
)


# AffectNet 2017: the list as a whole ----------------------------------------------------------------------


def listed(kind: str, *expected: str) -> Callable:
    """Decorate a function that gives the content of the training list."""

    def adder(content: Callable[[random.Random, Lists], bytes | str]) -> Callable:
        def run(rng: random.Random, folder: Path) -> str:
            lists = Lists(folder)
            return lists.outcome(content(rng, lists))

        KINDS.add(f"AffectNet list: {kind}", run, *expected)
        return content

    return adder


@listed("another delimiter", "refused")
def delimiter(rng: random.Random, lists: Lists) -> str:
    return lists.text.replace(";", " ").replace(",", rng.choice(";\t|:"))


@listed("BOM, other line ends, blank lines", "ok")
def byte_order(rng: random.Random, lists: Lists) -> bytes:
    text = lists.text.replace("\n", rng.choice(("\n", "\r\n", "\n\n", "\r")))
    return rng.choice((b"", b"\xef\xbb\xbf")) + text.encode()


@listed("another encoding", "refused", "label_null+ok")
def encoding(rng: random.Random, lists: Lists) -> bytes:
    return lists.text.encode(rng.choice(("utf-16", "utf-32", "utf-16-be", "cp037")))


@listed("row of too few or too many fields", "label_null+ok", "ok")
def width(rng: random.Random, lists: Lists) -> str:
    lines = lists.text.splitlines()
    row = lines[2].split(",")
    lines[2] = ",".join(rng.choice((row[:-1], row[1:], [*row, "x"], row * 2, [""] * 100_000, ["x"])))
    return "\n".join(lines)


@listed("quotes that never end", "refused", *mixtures("ok", "label_null", "label_nan", "dup_key"))
def quotes(rng: random.Random, lists: Lists) -> str:
    lines = lists.text.splitlines()
    place = rng.randint(1, 2)
    lines[place] = rng.choice(('"' + lines[place], lines[place].replace(",", ',"', 1), lines[place] + '"x'))
    return "\n".join([*lines, *lines[1:] * rng.randint(0, 200)])


@listed("a row twice, or two rows for one box", "dup_key+ok")
def repeated(rng: random.Random, lists: Lists) -> str:
    again = [*lists.rows[1]]
    again[-1] = rng.choice((again[-1], "0.9"))
    return lists.text + ",".join(again)


@listed("header twice, or only a header", "label_nan+ok", "refused", "img_missing+ok", "ok")
def header(rng: random.Random, lists: Lists) -> str:
    return rng.choice((mini.COLUMNS + "\n" + lists.text, mini.COLUMNS, mini.COLUMNS + "\n", ""))


MIXED = mixtures("ok", "label_nan", "label_null", "label_range", "dup_key", "img_missing")


@listed("columns in another order", "refused", *MIXED)
def columns(rng: random.Random, lists: Lists) -> str:
    rows = [line.split(",") for line in lists.text.splitlines()]
    first = rng.choice((1, 3, 5))
    return "\n".join(",".join([*row[first:], *row[:first]]) for row in rows)


@listed("a field of megabytes", "label_null+ok", "refused")
def field_of_megabytes(rng: random.Random, lists: Lists) -> str:
    lists.rows[rng.randint(0, 2)][rng.randint(0, 8)] = "1" * rng.randint(200_000, 3_000_000)
    return lists.text


@listed("another table of that name", "refused")
def another(rng: random.Random, lists: Lists) -> bytes:
    return rng.choice(
        (b"a,b\n1,2\n", b"<html>", b'{"a": 1}', b"PK\3\4", bytes(rng.randbytes(300)), b"\0" * 300)
    )


@KINDS.kind("AffectNet list: a line of a gigabyte", "refused", "label_null+ok")
def line(rng: random.Random, folder: Path) -> str:
    lists = Lists(folder)
    make.gigabyte(folder / lists.path, rng.choice((b"", lists.text.encode())))
    return of_release("affectnet", folder)


@KINDS.kind("AffectNet list: random damage", *COARSE)
def damage(rng: random.Random, folder: Path) -> str:
    lists = Lists(folder)
    return coarse(lists.outcome(make.spoilt(rng, lists.text.encode())))


@KINDS.kind("AffectNet list: a pipe or a folder", "refused")
def no_list(rng: random.Random, folder: Path) -> str:
    lists = Lists(folder)
    place = folder / lists.path
    os.mkfifo(place) if rng.random() < 0.5 else place.mkdir()
    return of_release("affectnet", folder)


# AffectNet 2021: arrays -----------------------------------------------------------------------------------


def array(kind: str, names: tuple[str, ...], values: tuple, *expected: str) -> None:
    """Add a kind: one of the arrays holds one of the values."""
    KINDS.add(
        f"AffectNet arrays: {kind}",
        lambda rng, folder: arrays(folder, CROP, **{rng.choice(names): rng.choice(values)}),
        *expected,
    )


LABELS, EVERY = ("val", "aro"), ("val", "aro", "exp", "lnd")
array("pickled objects", EVERY, (make.pickled(),), "label_nan+ok", "lnd_missing+ok")
array(
    "label is no number",
    LABELS,
    ("abc", "nan", np.nan, np.inf, True, 1j, b"\xff".decode("latin1"), "1_0", "١"),
    "label_nan+ok",
)
array("label out of range", LABELS, (1.5, "-7", 1e300, -2.5), "label_range+ok")
array("label -2", LABELS, (-2, "-2", -2.0), "ok+va_missing")
array("expression unknown or no whole number", ("exp",), (11, -1, 1.7, "2.5", -0.5), "label_range+ok")
array(
    "none, or several values",
    (*LABELS, "exp"),
    ([], [0.1, 0.2], [[1]] * 3, ""),
    "label_nan+ok",
    "label_null+ok",
)
array("no file", (*LABELS, "exp"), (None,), "label_null+ok")
array(
    "landmarks",
    ("lnd",),
    (None, [], [1.0] * 134, [1.0] * 135, ["x"] * 136, [np.nan] * 136, [-1.0] * 136, 5.0, [True] * 136),
    "lnd_missing+ok",
    "lnd_count+ok",
    "box_bad+ok",
)
SHAPES = (
    "(1000000000,)",
    "(-1,)",
    "(2, -5)",
    "(10**9,)",
    "(1" + "0" * 300 + ",)",
    "(1,) * 99",
    "()",
    "None",
    "(0, 10000000000000)",
    "(" * 150 + ")" * 150,
    "__import__('os').system('touch ../owned')",
)
DESCRS = (
    "'<f8'",
    "'|O'",
    "'<U0'",
    "'|V0'",
    "[('a', '<f8', (1000000000,))]",
    "'<U1000000000'",
    "'>f4'",
    "'<M8[s]'",
    "'nonsense'",
    "[('a', '|O')]",
    "{'names': []}",
    "'<f8,' * 9999",
)


@KINDS.kind(
    "AffectNet arrays: header that lies",
    "label_nan+ok",
    "lnd_missing+ok",
    "lnd_count+ok",
    "ok",
    "label_range+ok",
)
def lying(rng: random.Random, folder: Path) -> str:
    content = npy(
        rng.choice(DESCRS),
        rng.choice(SHAPES),
        bytes(rng.choice((0, 8, 1000))),
        version=rng.choice((1, 2, 3, 9)),
        order=rng.choice(("False", "True", "7", "[]")),
        pad=rng.choice((0, 60, 9000, 60_000)),
    )
    return arrays(folder, CROP, **{rng.choice(EVERY): content})


@KINDS.kind(
    "AffectNet arrays: no array, cut, or too large",
    "label_nan+ok",
    "lnd_missing+ok",
    "lnd_count+ok",
    "ok",
    "label_range+ok",
)
def no_array(rng: random.Random, folder: Path) -> str:
    whole = mini.npy(0.25)
    content = rng.choice(
        (
            b"",
            b"PK\3\4",
            b"<html>",
            whole[: rng.randrange(len(whole))],
            whole + b"x" * 99,
            bytes(2 << 20),
            make.zipped(("x.npy", whole)),
            bytes(rng.randbytes(200)),
        )
    )
    return arrays(folder, CROP, **{rng.choice(EVERY): content})


@KINDS.kind("AffectNet arrays: random damage", *COARSE)
def array_damage(rng: random.Random, folder: Path) -> str:
    return coarse(arrays(folder, CROP, **{rng.choice(EVERY): make.spoilt(rng, mini.npy(0.25))}))


# AFEW-VA: JSON --------------------------------------------------------------------------------------------

choice(
    "AFEW-VA: label is no number",
    (float("nan"), float("inf"), "abc", True, [1], {"a": 1}, "1_0", 10**4000, "٣"),
    lambda value: partial(clip, change=entry({"valence": value})),
    "label_nan+ok",
)
choice(
    "AFEW-VA: label is absent",
    (None, "", "null"),
    lambda value: partial(clip, change=entry({"arousal": value})),
    "label_null+ok",
)
choice(
    "AFEW-VA: label out of range",
    (11, -10.5, 1e300, "99"),
    lambda value: partial(clip, change=entry({"arousal": value})),
    "label_range+ok",
)
choice(
    "AFEW-VA: landmarks",
    (
        None,
        [],
        5,
        "abc",
        {"x": 1},
        [[1, 2]] * 67,
        [[1, 2, 3]] * 68,
        [1, 2] * 68,
        [[10**400, 1]] * 68,
        [["a", "b"]] * 68,
        [[float("nan"), 1]] * 68,
        [[[[1]]]] * 68,
        [[True, None]] * 68,
        [[]] * 68,
        True,
    ),
    lambda value: partial(clip, change=entry({"landmarks": value})),
    "lnd_missing+ok",
    "lnd_count+ok",
    "box_bad+ok",
)
choice(
    "AFEW-VA: entry is no mapping",
    (None, [], 5, "abc", [[1]]),
    lambda value: partial(clip, change=lambda d: d["frames"].update({"00002": value})),
    "label_null+ok",
)
choice(
    "AFEW-VA: frames are no mapping",
    (None, [], 5, "abc", {}),
    lambda value: partial(clip, change=lambda d: d.update(frames=value)),
    "label_null",
)
choice(
    "AFEW-VA: keys that are no frame numbers",
    ("-1", "1.0", "", "abc", "1234567", "\u0661\u0662", "00002 ", "../2", "0x2"),
    lambda key: partial(clip, change=lambda d: d["frames"].update({key: d["frames"].pop("00002")})),
    "label_null+ok",
)
choice(
    "AFEW-VA: actor",
    (None, 5, [], {}, "", "x" * 1_000_000, "a\0b\r\n\x1b[2J", "\ud800", "\u202e", "=cmd()", "../../x", "Zoë"),
    lambda name: partial(clip, change=lambda d: d.update(actor=name)),
    "ok",
)


def described(kind: str, *expected: str) -> Callable:
    """Decorate a function that gives the content of a clip's JSON file."""

    def adder(content: Callable[[random.Random], bytes]) -> Callable:
        KINDS.add(f"AFEW-VA: {kind}", lambda rng, folder: clip(folder, content(rng)), *expected)
        return content

    return adder


@described("JSON that is none", "label_null")
def no_json(rng: random.Random) -> bytes:
    return rng.choice(
        (
            b"",
            b"\0" * 99,
            b"<html>",
            b"null",
            b"[]",
            b"5",
            b'"x"',
            b"{]",
            b"{'a': 1}",
            bytes(rng.randbytes(99)),
            make.clip_text()[: rng.randrange(len(make.clip_text()) - 2)],
            make.clip_text() + b"}",
        )
    )


@described("a key twice", "label_null")
def key_twice(rng: random.Random) -> bytes:
    key = rng.choice((b'"valence": ', b'"00002": ', b'"frames": '))
    return make.clip_text().replace(key, key + rng.choice((b"0, ", b"{}, ", b"null, ")) + key, 1)


@described("other encodings", "ok", "label_null")
def encodings(rng: random.Random) -> bytes:
    return (
        make.clip_text()
        .decode()
        .replace("Anna", "Zoë")
        .encode(rng.choice(("utf-8-sig", "utf-16", "utf-32", "latin-1", "cp037")))
    )


@described("nested 100,000 times", "label_null")
def nested(rng: random.Random) -> bytes:
    depth = rng.randint(100_000, 1_000_000)
    return rng.choice(
        (
            make.nested(depth),
            make.nested(depth, '{"a":'),
            b'{"frames": {"00001": {"landmarks": ' + make.nested(depth),
        )
    )


@described("thousands of frames", "label_null")
def frames(rng: random.Random) -> bytes:
    return make.compact({"frames": dict.fromkeys(map(str, range(rng.randint(10_001, 30_000))), 0)})


@described("megabytes of objects", "label_null")
def objects(rng: random.Random) -> bytes:
    part = rng.choice((b"{},", b"[],", b"1.5,", b'"a",', b'{"a":[]},'))
    return b'{"frames": {"00001": [' + part * (rng.choice((1, 2, 4, 30)) * 1_000_000 // len(part)) + b"0]}}"


@KINDS.kind("AFEW-VA: JSON of a gigabyte", "label_null")
def json_gigabyte(rng: random.Random, folder: Path) -> str:
    clip(folder)
    make.gigabyte(folder / "001/001.json", make.clip_text())
    return of_release("afew_va", folder)


@KINDS.kind("AFEW-VA: random damage", *COARSE, "nothing")
def json_damage(rng: random.Random, folder: Path) -> str:
    return coarse(clip(folder, make.spoilt(rng, make.clip_text())))


# SEWA: tables and landmarks -------------------------------------------------------------------------------


def cell(text: str) -> Callable[[Path], str]:
    """Run with one value of one rater replaced."""
    lines = make.table().splitlines()
    lines[3] = f"3,0.4,{text},0.4,0.4,0.4"
    return partial(segment, valence="\n".join(lines))


choice("SEWA: value is no number", tuple(text for text in NO_NUMBERS if text), cell, "label_nan+ok")
choice("SEWA: value is absent", ABSENT, cell, "label_null+ok")
choice("SEWA: mean out of range", ("99", "-50", "1e308", "6"), cell, "label_range+ok")
choice(
    "SEWA: frame number is none",
    ("nan", "inf", "1e400", "abc", "", "2.5", "0x3", "\u0663", "1" * 5000),
    lambda text: partial(segment, arousal=make.table().replace("\n3,", f"\n{text},")),
    *mixtures("label_null", "ok", "dup_key"),
)


def tabled(kind: str, *expected: str) -> Callable:
    """Decorate a function that gives the content of a segment's table, in its archive or beside it."""

    def adder(content: Callable[[random.Random], bytes | str]) -> Callable:
        KINDS.add(f"SEWA: {kind}", lambda rng, folder: segment(folder, valence=content(rng)), *expected)
        return content

    return adder


@tabled("another delimiter", "label_null", "ok", "label_nan")
def semicolons(rng: random.Random) -> str:
    return make.table().replace(",", rng.choice((";", "\t", "|", " ")))


@tabled("decimal commas", "label_nan", "label_null")
def commas(rng: random.Random) -> str:
    return make.table().replace(",", ";").replace(".", ",")


@tabled("BOM, NULs, other encodings", "ok", "label_null", "label_nan+ok", "label_nan")
def table_bytes(rng: random.Random) -> bytes:
    text = make.table()
    place = text.index("\n4,") + 6
    return rng.choice(
        (
            b"\xef\xbb\xbf" + text.encode(),
            text.encode("utf-16"),
            (text[:place] + "\0" + text[place:]).encode(),
            text.replace("r1", "é").encode("latin-1"),
            text.replace("\n", "\r\n").encode(),
        )
    )


@tabled("no table", "label_null")
def no_table(rng: random.Random) -> bytes:
    return rng.choice(
        (
            b"",
            b"\n",
            b"\0" * 500,
            b"frame_idx,r1\n",
            b"<html>",
            b"1\n2\n3\n",
            b"a,b\nc,d\n",
            b'"',
            b"1,2\n3\n",
            rng.randbytes(99),
        )
    )


@tabled("rows of other lengths", "label_null")
def ragged(rng: random.Random) -> str:
    lines = make.table().splitlines()
    place = rng.randint(0, 5)
    lines[place] += rng.choice((",", ",9", ",9,9"))
    return "\n".join(lines)


@tabled("a frame twice", "dup_key", "dup_key+ok")
def frame_twice(rng: random.Random) -> str:
    return make.table() + f"\n{rng.randint(1, 6)},0.9,0.9,0.9,0.9,0.9"


@tabled("values of unlike scales", "ok", "label_range", "label_range+ok")
def scales(rng: random.Random) -> str:
    return mini.table(mini.raters(make.FRAMES, rng.choice((0.4, 50.0, 1.09))))


@tabled("megabytes of rows", *mixtures("label_null", "ok", "dup_key", "label_range"))
def many_rows(rng: random.Random) -> str:
    row = rng.choice(("1,1\n", "{},1\n", ",,\n", "\n"))
    size = rng.choice((200_000, 200_000, 200_000, 200_000, 5_000_000))
    return "".join(row.format(number) for number in range(size // len(row)))


@KINDS.kind("SEWA: one label beyond the scale of all others", "label_range+ok")
def beyond(rng: random.Random, folder: Path) -> str:
    """Which scale it is shows only when all have been read; one value must not stop the others."""
    for session in range(1, 7):
        values = mini.raters(make.FRAMES, 0.5)
        if session == 3:
            values[rng.randint(1, 4)] = rng.choice((1.04, -0.06, 1.001))
        film = mini.video(make.FRAMES, mark=session)
        mini.segment(folder / "raw", session, frames=make.FRAMES, video=film, valence=mini.table(values))
    return of_preparation("sewa", folder / "raw", "--frame-step", "1")


@KINDS.kind("SEWA: a table of a gigabyte", "label_null")
def table_gigabyte(rng: random.Random, folder: Path) -> str:
    segment(folder, valence=b"x")
    (path,) = folder.glob("*/*_Valence_V_Aligned.csv")
    make.gigabyte(path, make.table().encode())
    return of_release("sewa", folder)


@KINDS.kind("SEWA: random damage of a table", *COARSE)
def table_damage(rng: random.Random, folder: Path) -> str:
    return coarse(segment(folder, valence=make.spoilt(rng, make.table().encode())))


@KINDS.kind("SEWA: landmarks", "lnd_missing+ok", "lnd_count+ok", "box_bad+ok", "box_clamped+ok")
def landmarks(rng: random.Random, folder: Path) -> str:
    sound = mini.landmark_text(mini.points(49)).splitlines()
    last = rng.choice(
        (
            "",
            "nan " * 98,
            "-1 " * 98,
            "1e308 " * 98,
            "inf " * 98,
            "1 " * 97,
            "1 " * 99,
            "x " * 98,
            "1,2 " * 49,
            "1" * 5_000_000,
            "1 " * 500_000,
            "\u0661 " * 98,
            "-1e308 " * 49 + "1e308 " * 49,
        )
    )
    text = rng.choice(
        ("\n".join([*sound[:2], last]), "\n".join([*sound[:2], last]), "", "\n".join(sound[:2]), "\0" * 300)
    )
    return segment(folder, landmarks={3: text})


@KINDS.kind("SEWA: metadata of blanks, bytes, a gigabyte", "ok")
def metadata(rng: random.Random, folder: Path) -> str:
    segment(folder)
    (path,) = folder.glob("*/metadata.ini")
    if rng.random() < 0.2:
        make.gigabyte(path, b"[Subject]\n")
    else:
        path.write_bytes(
            rng.choice(
                (
                    b"\n" * 60_000,
                    b" " * 60_000,
                    b"\nculture" * 9000,
                    b"culture=" + b"x" * 60_000,
                    rng.randbytes(9000),
                    b"culture = \0\r\x1b[2J",
                    b"\n \t" * 20_000,
                )
            )
        )
    return of_release("sewa", folder, "--frame-step", "1")


@KINDS.kind(
    "SEWA: annotations are a pipe or a folder", "label_null", "lnd_missing", "label_null+ok", "refused"
)
def no_annotations(rng: random.Random, folder: Path) -> str:
    segment(folder)
    (path,) = folder.glob(f"*/*-{rng.choice(('Valence', 'Landmarks', 'Arousal'))}.zip")
    path.unlink()
    os.mkfifo(path) if rng.random() < 0.5 else path.mkdir()
    return of_release("sewa", folder)
