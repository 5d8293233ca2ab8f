"""F23: names of folders and files that shells, file systems and people stumble over."""

import contextlib
import os
import random
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

from data_prep import __main__ as command_line
from hocp.contracts import manifest
from tests.campaigns.case import Case
from tests.campaigns.kinds import Kinds
from tests.data_prep import mini_releases as mini

FAULT, TITLE, SIZE = "F23", "Names", 110
KINDS = Kinds(FAULT)
NAMES = {
    "blanks": (" a", "a b", "a ", "  ", "a  b"),
    "accents, composed and not": (
        "é",
        "e\u0301",
        "Å",
        "A\u030a",
        unicodedata.normalize("NFD", "Žižek Łuk"),
        "ﬁ",
        "\u212b",
    ),
    "other scripts, emoji, right to left": ("数据", "بيانات", "😀", "a\u202eb", "\u200b", "\ufeffx"),
    "line ends and control characters": ("a\nb", "\n", "a\rb", "a\tb", "\x1b[2J", "a\x7f"),
    "a leading dash": ("-a", "-rf", "--out", "-"),
    "words for a shell": (
        "$(touch owned)",
        "`touch owned`",
        ";touch owned",
        "*",
        "?",
        "[a]",
        "{x}",
        "a'b",
        'a"b',
        "a|b",
        "#a",
        "%s",
        "!",
        "~",
    ),
    "dots": ("...", ".hidden", "a.", "a.zip", "x.tar.gz", ".a.1.partial"),
    "255 bytes": ("x" * 255, "é" * 127, "x" * 250 + ".csv", "x" * 240, "x" * 200),
    "words of Windows": ("CON", "nul", "a:b", "a\\b", "LPT1.txt"),
}
CLIPS = 5


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield the campaign."""
    return KINDS.cases(count, seed)


def release(folder: Path) -> None:
    """The smallest release that can be prepared: five actors."""
    for number in range(1, CLIPS + 1):
        name = f"{number:03d}"
        mini.afew_va(folder, {name: mini.clip(name, actor=f"Actor {number}", frames=1, valence=number - 3)})


def prepare(source: str, out: str, dataset: str = "afew_va") -> str:
    """Outcome of the command line; what it made has to be readable."""
    chosen = [f"--source={source}", f"--out={out}", "--data=generated", "--side=16", "--processes=1"]
    try:
        status = command_line.main(["prepare", dataset, *chosen])
    except SystemExit as end:
        status = end.code
    if status:
        assert status == 2 and not Path(out, "manifest.csv").exists(), status
        return "refused"
    items = manifest.read(Path(out, "manifest.csv"))
    assert items and manifest.read_facts(Path(out, "manifest.json")).counts["ok"]
    return "ok"


def named(kind: str, use: Callable[[Path, str], str], *expected: str, without: tuple[str, ...] = ()) -> None:
    """Add a kind for each class of names."""
    for what, names in NAMES.items():
        if what not in without:
            KINDS.add(
                f"{kind}: {what}", lambda rng, folder, names=names: use(folder, rng.choice(names)), *expected
            )


def as_release(folder: Path, name: str) -> str:
    """A release in a folder of that name."""
    release(folder / name)
    return prepare(str(folder / name), str(folder / "out"))


def as_output(folder: Path, name: str) -> str:
    """An output folder of that name; prepared twice, since the second time an old one has to go."""
    release(folder / "raw")
    outcomes = {prepare(str(folder / "raw"), str(folder / name)) for _ in range(2)}
    assert {path.name for path in folder.iterdir()} <= {"raw", name}, "something was left behind"
    return outcomes.pop() if len(outcomes) == 1 else "differs"


def as_stray(folder: Path, name: str) -> str:
    """A file of that name among those of a release."""
    release(folder / "raw")
    for place in ("raw", "raw/001"):
        (folder / place / name).write_bytes(b"x")
    return prepare(str(folder / "raw"), str(folder / "out"))


def as_folder(folder: Path, name: str) -> str:
    """Clips below a folder of that name."""
    release(folder / "raw" / name)
    return prepare(str(folder / "raw"), str(folder / "out"))


def as_item(folder: Path, name: str) -> str:
    """An image of that name, in a list."""
    mini.affectnet_2017(folder / "raw", images=6, held=2)
    images, lists = folder / "raw/Manually_Annotated_Images/1", folder / "raw/Manually_Annotated_file_lists"
    images.mkdir(exist_ok=True)
    (images / name).write_bytes(mini.encode(mini.ramp(blue=99)))
    quoted = '"' + f"1/{name}".replace('"', '""') + '"'
    with (lists / "training.csv").open("a", newline="") as file:
        file.write("\n" + ",".join([quoted, *mini.row("")[1:]]))
    return prepare(str(folder / "raw"), str(folder / "out"), "affectnet")


named("release", as_release, "ok")
named("output", as_output, "ok", without=("255 bytes",))
KINDS.add(
    "output: 255 bytes",
    lambda rng, folder: as_output(folder, rng.choice(NAMES["255 bytes"])),
    "ok",
    "refused",
)
named("stray file", as_stray, "ok", "refused", without=("dots",))
named("folder of clips", as_folder, "ok", "refused")
named("listed image", as_item, "ok")


@KINDS.kind("stray file: an archive that is none", "refused")
def archive(rng: random.Random, folder: Path) -> str:
    return as_stray(folder, rng.choice(("a.zip", "x.ZIP")))


@KINDS.kind("stray file: bytes that are no UTF-8", "ok", "refused")
def no_text(rng: random.Random, folder: Path) -> str:
    release(folder / "raw")
    place = os.fsencode(folder / "raw")
    name = rng.choice((b"\xff", b"a\x80b.png", b"01\xe9.zip", b"\xc3.json"))
    with open(place + b"/" + name, "wb") as file:  # noqa: PTH123 - a name that no text has
        file.write(b"x")
    return prepare(str(folder / "raw"), str(folder / "out"))


@KINDS.kind("release or output: bytes that are no UTF-8", "ok", "refused")
def folder_no_text(rng: random.Random, folder: Path) -> str:
    name = os.fsdecode(rng.choice((b"\xff", b"a\x80b", b"\xc3")))
    return as_release(folder, name) if rng.random() < 0.5 else as_output(folder, name)


@KINDS.kind("names that differ in case only", "ok", "refused")
def case_only(rng: random.Random, folder: Path) -> str:
    release(folder / "raw")
    files = mini.clip("006", actor="Actor 6", frames=1)
    for place in rng.sample(("Clips", "CLIPS", "clips"), 2):
        for path, data in files.items():
            mini.write(folder / "raw", f"{place}/{path}", data)
    (folder / "raw/001/00001.PNG").write_bytes(b"x")
    return prepare(str(folder / "raw"), str(folder / "out"))


@KINDS.kind("names that differ in normalisation only", "ok")
def forms(rng: random.Random, folder: Path) -> str:
    outcomes = {prepare_at(folder, unicodedata.normalize(form, "é")) for form in ("NFC", "NFD")}
    return outcomes.pop() if len(outcomes) == 1 else "differs"


def prepare_at(folder: Path, name: str) -> str:
    """Prepare from one folder into another of like names."""
    release(folder / name)
    return prepare(str(folder / name), str(folder / f"{name}-out"))


@KINDS.kind("relative paths with a leading dash", "ok")
def dash(rng: random.Random, folder: Path) -> str:
    release(folder / "-raw")
    with contextlib.chdir(folder):
        return prepare("-raw", rng.choice(("-out", "--out", "./-out")))


@KINDS.kind("output that would replace something else", "refused")
def precious(rng: random.Random, folder: Path) -> str:
    """The release itself, what holds it, or a folder of a person's own files."""
    release(folder / "home/raw")
    mini.write(folder, "home/thesis.tex", "x")
    mini.write(folder, "other/thesis.tex", "x")
    before = {path for path in folder.rglob("*")}
    out = rng.choice(("home/raw", "home", "other", "home/raw/../raw", "other/thesis.tex"))
    outcome = prepare(str(folder / "home/raw"), str(folder / out))
    assert before == {path for path in folder.rglob("*")}
    return outcome
