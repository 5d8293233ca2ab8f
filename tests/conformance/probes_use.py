"""Is wrong use refused where it happens? Does the package behave as a guest?"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import metadata
from pathlib import Path

import tensorly
from kernels import convolve, draw, inputs, kernel_of
from probing import holds, probe, refused, same

USE, PACKAGE = "Wrong use", "Package"
RANKS = {"cp": 3, "tucker": (3, 3), "tt": (2, 2, 2)}


@probe("W1", USE, "Rank 0, negative or not a number is refused at construction")
def rank(library, form):
    for value in (0, -2, "three"):
        refused(
            lambda value=value: library.fresh(form, (4, 5), (3, 3), rank=value),
            naming=str(value),
        )


@probe("W2", USE, "Kernel size 0 or negative is refused at construction")
def kernel_size(library, form):
    for value in ((0, 3), (3, -1)):
        refused(lambda value=value: library.fresh(form, (4, 5), value, rank=RANKS[form]))


@probe("W3", USE, "Stride 0, dilation 0, negative padding are refused at construction")
def numbers(library):
    for option in ({"stride": 0}, {"dilation": 0}, {"padding": -1}, {"stride": (1, -1)}):
        refused(lambda option=option: library.fresh("cp", (4, 5), (3, 3), rank=3, **option))


@probe("W4", USE, "A tuple of the wrong length is refused at construction, with its value")
def lengths(library):
    for option in ({"stride": (1, 2, 1)}, {"padding": (1, 1, 1)}, {"dilation": (2,)}):
        (value,) = option.values()
        refused(
            lambda option=option: library.fresh("cp", (4, 5), (3, 3), rank=3, **option), naming=str(value)
        )


@probe("W5", USE, "An unknown implementation is refused at construction")
def implementation(library, form):
    refused(lambda: _typo(library, form), naming="factorised")


def _typo(library, form):
    """A spelling that no library knows."""
    kind = type(library.fresh(form, (4, 5), (3, 3), rank=RANKS[form]))
    options = {"factorization": form} if library.module == "tltorch" else {}
    rank = {"tucker": (3, 3, 3, 3), "tt": (1, 2, 2, 2, 1)}.get(form, 3) if options else RANKS[form]
    return kind(4, 5, (3, 3), rank=rank, implementation="factorised", **options)


@probe("W6", USE, "Factors that do not belong together are refused")
def factors(library, form):
    tensors = draw(form, (3, 3))
    tensors[1] = tensors[1][:, :2] if form != "tt" else tensors[1][:2]
    refused(lambda tensors=tensors: library.from_factors(form, tensors))


@probe("W7", USE, "An input with other channels is refused, naming them")
def channels(library, form):
    layer = library.layer(form, draw(form, (3, 3)))
    refused(lambda layer=layer: layer(inputs(2, 3, 6, 6)), errors=(ValueError, RuntimeError), naming="4")


@probe("W8", USE, "An input with a mode too many or too few is refused")
def modes(library, form):
    layer = library.layer(form, draw(form, (3, 3)))
    for sizes in ((2, 4, 6, 6, 6), (4, 6)):
        refused(lambda layer=layer, sizes=sizes: layer(inputs(*sizes)), errors=(ValueError, RuntimeError))


@probe("W9", USE, "An input smaller than the kernel's window is refused")
def small_input(library, form):
    layer = library.layer(form, draw(form, (3, 3)), dilation=2)
    refused(lambda layer=layer: layer(inputs(2, 4, 4, 6)), errors=(ValueError, RuntimeError))


@probe("W10", USE, "A bias of the wrong length is refused with the layer, not in the forward call")
def bias(library, form):
    refused(lambda: library.from_factors(form, draw(form, (3, 3)), bias=inputs(7)), naming="7")


@probe(
    "K1", PACKAGE, "The metadata name every package that importing it needs", source="packaging.python.org"
)
def requirements(library):
    named = {_normal(re.match(r"[\w.-]+", text)[0]) for text in library.requirements()}
    owners = metadata.packages_distributions()
    needed = {_normal(owners[name][0]) for name in _imported(library.module) if name in owners}
    missing = sorted(needed - named)
    holds(not missing, f"not named: {', '.join(missing)}")


def _imported(module: str) -> set[str]:
    """Top-level packages that the module's files import when it is imported; functions aside."""
    found = set()
    for file in _import_alone(module)["files"]:
        found |= set(_at_import(ast.parse(Path(file).read_text("utf-8"))))
    return found - {module.split(".")[0]}


def _at_import(node: ast.AST) -> Iterator[str]:
    """Top-level names in import statements outside of functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name.split(".")[0] for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and not child.level:
            yield child.module.split(".")[0]
        elif not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _at_import(child)


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


#: Imports a module and prints what it loads and changes: files, warnings, words on the streams, global state.
_WATCH = """
import contextlib, io, json, sys, warnings
import torch, tensorly
def state():
    numbers = str(torch.get_default_dtype()), torch.get_num_threads(), torch.initial_seed()
    return [tensorly.get_backend(), *numbers]
before = state()
with warnings.catch_warnings(record=True) as seen, contextlib.redirect_stdout(io.StringIO()) as said:
    warnings.simplefilter("always")
    __import__(sys.argv[1])
changed = [f"{a} became {b}" for a, b in zip(before, state()) if a != b]
own = [m for name, m in sys.modules.items() if f"{name}.".startswith(f"{sys.argv[1]}.")]
files = [m.__file__ for m in own if m.__file__]
said = [str(w.message) for w in seen] + said.getvalue().splitlines()
print(json.dumps({"said": said, "changed": changed, "files": files}))
"""


@cache
def _import_alone(module: str) -> dict[str, list[str]]:
    """What importing it in a fresh interpreter says and changes."""
    answer = subprocess.run(
        [sys.executable, "-c", _WATCH, module], capture_output=True, text=True, timeout=60, check=False
    )
    holds(answer.returncode == 0, (answer.stderr.strip().splitlines() or ["killed"])[-1])
    found = json.loads(answer.stdout)
    return {**found, "said": [*found["said"], *answer.stderr.strip().splitlines()]}


@probe("K2", PACKAGE, "Importing it prints nothing and warns of nothing", source="tensorly/torch#21, #22")
def silent_import(library):
    said = _import_alone(library.module)["said"]
    holds(not said, "".join(said[:1]))


@probe("K3", PACKAGE, "Importing it leaves TensorLy's backend, torch's dtype, threads and seed alone")
def no_side_effect(library):
    changed = _import_alone(library.module)["changed"]
    holds(not changed, "; ".join(changed))


@probe("K4", PACKAGE, "A layer works whatever TensorLy's backend is", source="tensorly.set_backend")
def any_backend(library, form):
    x = inputs(2, 4, 6, 6)
    tensors = draw(form, (3, 3))
    layer = library.layer(form, tensors)
    with tensorly.backend_context("numpy", local_threadsafe=True):
        same(layer(x), convolve(x, kernel_of(form, tensors)))


@probe("K5", PACKAGE, "Layers run in several threads at once", source="torch: inference in threads")
def threads(library, form):
    x = inputs(2, 4, 8, 8)
    tensors = draw(form, (3, 3))
    layer, expected = library.layer(form, tensors), convolve(x, kernel_of(form, tensors))
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(layer, [x] * 16):
            same(found, expected)
