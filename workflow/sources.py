"""The files that a command runs, read off its import statements: a rule lists them as inputs.

Data and C++ in the folder of a module count as part of it.

An edit then reruns what it can change, and nothing else. Nothing is imported here; the files are parsed, so
that a dry run stays light. Imports by a computed name are not seen; a test compares with a real run.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OURS = ("hocp", "data_prep", "figures")


def sources(module: str, *, without: tuple[str, ...] = ()) -> list[str]:
    """Files of ours that importing `module` executes, itself included, as sorted paths from the root.

    Parameters
    ----------
    module : str
        Dotted name, e.g. "figures.fig_flops".
    without : tuple of str
        Modules that cannot change the result; neither they nor what only they import is listed.

    Raises
    ------
    ValueError
        If there is no such module of ours.
    """
    if file_of(module) is None:
        raise ValueError(f"module {module!r}: no such file under {', '.join(OURS)}")
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        file = file_of(name)
        if file is None or file in found or name in without:
            continue
        found |= {file, *_beside(file)}
        waiting += [*_parents(name), *_imports(name)]
    return sorted(found)


def _beside(file: str) -> list[str]:
    """What a module may read or compile from its own folder, e.g. native.cpp."""
    folder = (ROOT / file).parent
    read = [path for path in folder.iterdir() if path.suffix in (".cpp", ".h", ".json")]
    return [path.relative_to(ROOT).as_posix() for path in read]


def file_of(module: str) -> str | None:
    """Path of a module from the root; None where it is none of ours (or a name inside a module)."""
    if module.partition(".")[0] not in OURS:
        return None
    base = ROOT.joinpath(*module.split("."))
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        if file.is_file():
            return file.relative_to(ROOT).as_posix()
    return None


def _parents(module: str) -> list[str]:
    """Packages that Python executes before the module."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


@cache
def _imports(module: str) -> list[str]:
    """Modules named by the import statements of a module, also those inside functions."""
    file = file_of(module)
    tree = ast.parse((ROOT / file).read_text("utf-8"), filename=file)
    package = module if file.endswith("__init__.py") else module.rpartition(".")[0]
    return sorted({name for node in ast.walk(tree) for name in _named(node, package)})


def _named(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
        origin = ".".join([*base, *([node.module] if node.module else [])])
        yield origin
        yield from (f"{origin}.{alias.name}" for alias in node.names)  # may be modules: `from x import y`
