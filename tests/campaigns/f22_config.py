"""F22: configurations and run names that are wrong, hostile, or larger than any scenario."""

import argparse
import copy
import json
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from snakemake.common.configfile import load_configfile

from data_prep import check_command
from hocp.contracts import spec
from tests.campaigns.case import Case
from tests.campaigns.kinds import Kinds
from tests.campaigns.outcomes import refused
from workflow.scenario import ROOT, checked

FAULT, TITLE, SIZE = "F22", "Configurations", 600
KINDS = Kinds(FAULT)
# Through JSON, so that what YAML wrote once for two data sets becomes two values, as Snakemake makes of it.
DEMO = json.loads(json.dumps(yaml.safe_load((ROOT / "config/config.yaml").read_text("utf-8"))))
SHELL = (
    "; touch owned",
    "$(touch owned)",
    "`touch owned`",
    "| touch owned",
    "&& touch owned",
    "a b",
    "'",
    '"',
    "-rf",
    "*",
    "{run}",
    "\n touch owned",
    "a\n",
    "%s",
    "\\",
    "#",
    "!x",
)
PATHS = (
    "..",
    ".",
    "../up",
    "/etc",
    "a/b",
    "~",
    "~/x",
    "$HOME",
    "${HOME}",
    "C:\\x",
    "a\0b",
    "",
    "x" * 300,
    "\u202eabc",
    "é",
    "reference",
)


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield the campaign."""
    return KINDS.cases(count, seed)


def outcome(folder: Path, text: str | bytes) -> str:
    """Load a configuration as Snakemake does, check it, and look for licensed data where it says."""
    path = folder / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    try:
        config = load_configfile(str(path))
    except Exception:
        return "refused"  # by Snakemake's own loader, before any code of ours
    try:
        config = checked(config)
        _bounded([str(run) for run in spec.runs(config)])
        if config["data"]["source"] == "licensed":
            check_command.run(
                argparse.Namespace(folders=[f"{n}={at}" for n, at in config["data"]["licensed"].items()])
            )
    except (ValueError, FileNotFoundError) as error:
        return refused(error)
    return "ok"


def _bounded(runs: list[str]) -> None:
    """Names of runs are names of folders, and words of command lines."""
    assert runs and all(run.isascii() and run.replace(".", "").replace("_", "").isalnum() for run in runs), (
        runs
    )
    assert max(map(len, runs)) < 200 and all(str(spec.Run.parse(run)) == run for run in runs)


def places(config: Any, *, leaves: bool) -> list[tuple]:
    """Paths to all mappings, or to all single values and lists."""
    found = []

    def walk(value: Any, path: tuple) -> None:
        if isinstance(value, Mapping):
            found.extend([] if leaves else [path])
            for key, inner in value.items():
                walk(inner, (*path, key))
        elif leaves:
            found.append(path)

    walk(config, ())
    return found


def at(config: Any, path: tuple) -> Any:
    """Part of a configuration."""
    for key in path:
        config = config[key]
    return config


def changed(path: tuple, value: Any) -> dict:
    """The demo configuration with one value replaced."""
    config = copy.deepcopy(DEMO)
    at(config, path[:-1])[path[-1]] = value
    return config


def configured(kind: str, *expected: str) -> Callable:
    """Decorate a function that gives a configuration, or its text."""

    def adder(content: Callable[[random.Random], dict | str | bytes]) -> Callable:
        def run(rng: random.Random, folder: Path) -> str:
            made = content(rng)
            if isinstance(made, dict):  # a few as YAML, whose loader takes 20 times as long
                made = yaml.safe_dump(made) if rng.random() < 0.1 else json.dumps(made)
            return outcome(folder, made)

        KINDS.add(kind, run, *expected)
        return content

    return adder


def key_choice(kind: str, keys: tuple[str, ...], values: tuple, *expected: str) -> None:
    """Add a kind: one of some keys gets one of some values."""
    configured(kind, *expected)(lambda rng: changed(tuple(rng.choice(keys).split(".")), rng.choice(values)))


configured("sound", "ok")(lambda rng: DEMO)


@configured("unknown key", "refused")
def unknown(rng: random.Random) -> dict:
    methods = ("experiments", "affectnet"), ("experiments", "sewa"), ("experiments", "afew_va")
    path = rng.choice([path for path in places(DEMO, leaves=False) if path not in methods])
    return changed(
        (*path, rng.choice(("widht", "", " ", "a.b", "\u0430", "__proto__", "x" * 2000, "a\nb"))), 1
    )


@configured("key that is no text", "refused")
def key(rng: random.Random) -> str:
    return yaml.safe_dump(
        changed((*rng.choice(places(DEMO, leaves=False)), rng.choice((1, None, True, 1.5))), 1)
    )


@configured("missing key", "refused", "ok")
def missing(rng: random.Random) -> dict:
    config = copy.deepcopy(DEMO)
    path = rng.choice([path for path in places(DEMO, leaves=False) if path])
    del at(config, path[:-1])[path[-1]]
    return config


@configured("value of another type", "refused", "ok")
def types(rng: random.Random) -> dict:
    path = rng.choice(places(DEMO, leaves=True))
    others = [
        value
        for value in ("text", [], {}, None, {"a": 1}, [[]], [None], True)
        if type(value) is not type(at(DEMO, path))
    ]
    return changed(path, rng.choice(others))


@configured("no mapping at all", "refused")
def nothing(rng: random.Random) -> str:
    return rng.choice(
        (
            "",
            "[]",
            "5",
            "text",
            "null",
            "- a",
            "{}",
            "---\n---\n",
            "%YAML 9.9\n---\n{}",
            "\t",
            "{",
            "a: b: c",
            "\0",
        )
    )


NUMBERS = (
    "width",
    "data.prepare.sewa.margin",
    "training.common.lr",
    "training.common.clip_norm",
    "data.generated.sewa.seconds",
)
COUNTS = (
    "gpus",
    "data.prepare.side",
    "training.static.steps",
    "training.common.batch",
    "data.generated.seed",
)
key_choice(
    "number that is none or infinite",
    NUMBERS,
    (float("nan"), float("inf"), float("-inf"), "0.5", "1e3", "1,5"),
    "refused",
)
key_choice("count that is not whole", COUNTS, (1.5, 2.0, "2", True, -1, [2]), "refused")
key_choice("whole number beyond measure", ("data.prepare.side", "gpus"), (10**9, 10**30), "refused")
key_choice(
    "seeds",
    ("seeds",),
    ([1.0], [True], ["1"], [10**40], [-1], list(range(5000)), [1, 1], [[1]], {"a": 1}),
    "refused",
)
key_choice("folds", ("folds",), ([0.0], [False], [5], [0, 0], ["0"], [None], list(range(9))), "refused")
key_choice("scenario that leads elsewhere", ("scenario",), PATHS, "refused")
key_choice("scenario with words for a shell", ("scenario",), SHELL, "refused")
key_choice("scenario of YAML's other types", ("scenario",), (1, None, True, [1], {"a": 1}), "refused")
key_choice(
    "network, run or start with words for a shell",
    ("experiments.affectnet.hocp.network", "rank_selection.run", "experiments.sewa.hocp.start.finetune"),
    SHELL + PATHS,
    "refused",
)
key_choice(
    "start in other forms",
    ("experiments.sewa.hocp.start",),
    (
        {},
        {"finetune": "sewa.hocp"},
        {"finetune": "a.b.c"},
        {"finetune": ""},
        {"transduce": "sewa.r3d18"},
        {"finetune": "affectnet.hocp", "transduce": "affectnet.hocp"},
        [],
        "affectnet.hocp",
    ),
    "refused",
)


@configured("experiment whose name leads elsewhere or is for a shell", "refused")
def experiment(rng: random.Random) -> dict:
    name = rng.choice(
        [name for name in (*SHELL, *PATHS) if name != "reference"] + ["a.b", "A" * 300, "x\u0661"]
    )
    return changed(("experiments", rng.choice(("affectnet", "sewa")), name), {"network": "resnet18"})


@configured("experiments in a circle", "refused")
def circle(rng: random.Random) -> dict:
    config = copy.deepcopy(DEMO)
    names = [f"c{number}" for number in range(rng.randint(1, 50))]
    for name, origin in zip(names, [*names[1:], names[0]], strict=True):
        config["experiments"]["affectnet"][name] = {
            "network": "resnet18",
            "start": {"finetune": f"affectnet.{origin}"},
        }
    return config


@configured("licensed folder that is none", "refused")
def folders(rng: random.Random) -> dict:
    config = changed(("data", "source"), "licensed")
    config["data"]["licensed"] = dict.fromkeys(
        ("affectnet", "sewa", "afew_va"), rng.choice((*PATHS, *SHELL, "x" * 5000))
    )
    return config


TAGS = (
    "!!python/object/apply:os.system ['touch ../owned']",
    "!!python/object/new:os.system ['touch ../owned']",
    "!!python/name:os.system",
    "!!python/module:os",
    "!!python/object:argparse.Namespace {a: 1}",
    "!unknown x",
    "!!binary aGVsbG8=",
    "!!set {a, b}",
    "!!float x",
    "!!timestamp 2020-01-01",
    "!!python/tuple [1, 2]",
    "2020-01-01",
    "0x10",
    "1:30",
    "yes",
    "~",
    ".inf",
    "!!omap [a: 1]",
    "!!pairs [a: 1]",
)


@configured("YAML tags and types", "refused")
def tags(rng: random.Random) -> str:
    name = rng.choice(("scenario", "width", "seeds", "benchmark"))
    rest = {key: value for key, value in DEMO.items() if key != name}
    value = rng.choice([tag for tag in TAGS if not (name == "width" and tag == "1:30")])
    return yaml.safe_dump(rest) + f"{name}: {value}\n"


@configured("anchors that grow without end", "refused")
def anchors(rng: random.Random) -> str:
    depth, width = rng.randint(7, 30), rng.randint(5, 12)
    lines = ["l0: &l0 [x, x, x]"] + [
        f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * width)}]" for n in range(1, depth)
    ]
    name = rng.choice(("width", "scenario", "seeds", "bomb", "experiments"))
    rest = {key: value for key, value in DEMO.items() if key != name}
    inner = "\n".join(f"  {line}" for line in lines)
    return (
        yaml.safe_dump(rest) + f"{name}:\n{inner}\n"
        if rng.random() < 0.5
        else (yaml.safe_dump(rest) + "\n".join(lines) + f"\n{name}: *l{depth - 1}\n")
    )


@configured("anchors in a circle", "refused")
def circular(rng: random.Random) -> str:
    name = rng.choice(("width", "seeds", "data", "training", "experiments", "x"))
    rest = {key: value for key, value in DEMO.items() if key != name}
    return yaml.safe_dump(rest) + f"{name}: &a " + rng.choice(("[*a]", "{b: *a}", "[[*a], {c: *a}]")) + "\n"


@configured("too many keys, too long, too deep", "refused")
def large(rng: random.Random) -> str:
    match rng.randrange(4):
        case 0:
            return json.dumps({**DEMO, **{f"k{n}": n for n in range(rng.randint(1000, 100_000))}})
        case 1:
            return json.dumps({**DEMO, "scenario": "x" * rng.randint(1000, 3_000_000)})
        case 2:
            return json.dumps({**DEMO, "seeds": list(range(rng.randint(1000, 200_000)))})
        case _:
            depth = rng.randint(31, 300)
            return '{"width": ' + "[" * depth + "]" * depth + "}"


@configured("nested beyond any parser", "refused")
def deep(rng: random.Random) -> str:
    return '{"a":' * rng.randint(2000, 50_000)


@configured("bytes that are no text", "refused", "ok")
def noise(rng: random.Random) -> bytes:
    text = bytearray(yaml.safe_dump(DEMO).encode())
    for _ in range(rng.randint(1, 3)):
        text[rng.randrange(len(text))] = rng.randrange(256)
    return bytes(text)


# Names of runs and specifications on a command line -------------------------------------------------------


def parsed(parse: Callable[[str], Any], text: str) -> str:
    """Outcome of reading a text."""
    try:
        parse(text)
    except (ValueError, FileNotFoundError) as error:
        return refused(error)
    return "ok"


NAMES = (
    "",
    "sewa",
    "sewa.hocp",
    "../sewa.hocp.f0.s0",
    "sewa.a/b.f0.s0",
    "sewa.hocp.f0.s0\n",
    "sewa.hocp.f\u0661.s0",
    "imagenet.hocp.f0.s0",
    "sewa.ho cp.f0.s0",
    "sewa.hocp.f-1.s0",
    "sewa.hocp.f0.s" + "1" * 5000,
    "sewa.hocp.f0.s0; touch owned",
    "sewa.\u202e.f0.s0",
    "sewa.hocp.f00.s0",
    "sewa.hocp.f0.s1.0",
    "sewa." + "a" * 300 + ".f0.s0",
)
KINDS.add("name of a run", lambda rng, folder: parsed(spec.Run.parse, rng.choice(NAMES)), "refused")

SPECS = (
    "",
    "[]",
    "5",
    "null",
    "{}",
    '"x"',
    "{",
    "[" * 200_000,
    '{"a":' * 5000,
    "@",
    "@nothing.json",
    "@/dev/null",
    "@.",
    "NaN",
    '{"run": 1, "run": 2}',
    json.dumps({"run": "x" * 500}),
    "@" + "x" * 5000,
)
KINDS.add("specification of a run", lambda rng, folder: parsed(spec.read, rng.choice(SPECS)), "refused")
