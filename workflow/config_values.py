"""What a configuration may hold at all, before its schema is asked: few values, of JSON's types, finite."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import jsonschema

VALUES, DEPTH, LETTERS = 20_000, 30, 4096  # most in a configuration; ours have some 300, 8 and 80
_TYPES = (str, int, float, bool, type(None), list, Mapping)


def measure(config: Any) -> None:
    """
    Walk a configuration and stop where it is none: a few lines of YAML anchors stand for billions of values.

    Nothing may print, compare or copy it before this.

    Raises
    ------
    ValueError
        If it has too many values, is nested too deep, or has keys or values that JSON does not know.
    """
    waiting, seen = [(config, 1)], 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        inner = _inner(value)
        fault = (
            f"more than {VALUES} values" if seen + len(waiting) + len(inner) > VALUES
            else f"more than {DEPTH} levels" if depth > DEPTH
            else "no keys at top level" if depth == 1 and not isinstance(value, Mapping)
            else f"a text of {len(value)} characters" if isinstance(value, str) and len(value) > LETTERS
            else f"a value of type {type(value).__name__}" if not isinstance(value, _TYPES)
            else "a key that is no text" if isinstance(value, Mapping) and not _texts(value)
            else ""
        )  # fmt: skip
        if fault:
            raise ValueError(f"The configuration cannot be used: it has {fault}")
        waiting += [(one, depth + 1) for one in inner]


def _inner(value: Any) -> list[Any]:
    """Keys and values of a mapping, members of a list."""
    if isinstance(value, Mapping):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _texts(keys: Iterable[Any]) -> bool:
    return all(isinstance(key, str) for key in keys)


def _whole(checker: Any, value: Any) -> bool:
    """Whether it was written as a whole number; JSON Schema takes 2.0 for one, file names do not."""
    return isinstance(value, int) and not isinstance(value, bool)


def _number(checker: Any, value: Any) -> bool:
    """Whether it is a finite number; YAML's .nan and .inf pass bounds."""
    return _whole(checker, value) or (isinstance(value, float) and math.isfinite(value))


_Draft = jsonschema.Draft202012Validator
Validator = jsonschema.validators.extend(
    _Draft, type_checker=_Draft.TYPE_CHECKER.redefine_many({"integer": _whole, "number": _number})
)
