"""A scenario's configuration, checked: closed schema, experiments that exist, licensed data in place.

Snakemake merges the file of ``--configfile`` into config/config.yaml: mappings key by key, lists and single
values replaced. A scenario file therefore holds only what differs from `demo`; an experiment is taken away by
giving it no value (``r3d18: null``).
"""

import difflib
import reprlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from hocp.contracts import spec
from workflow.config_values import Validator, measure

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
MOST = 20  # problems told at once


def checked(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without the experiments that were taken away.

    Raises
    ------
    ValueError
        With one line for each problem: key, value, what is legal there.
    """
    measure(config)
    config = _without_removed(config)
    schema = yaml.safe_load(SCHEMA.read_text("utf-8"))
    errors = Validator(schema).iter_errors(config)
    problems = [_describe(error) for error in sorted(errors, key=lambda error: error.json_path)]
    problems = problems or list(_unresolved(config))
    if problems:
        told = list(dict.fromkeys(problems))
        more = [f"and {len(told) - MOST} more"] if len(told) > MOST else []
        lines = "\n".join(f"  {problem}" for problem in [*told[:MOST], *more])
        described = f"Every key is described in {SCHEMA.relative_to(ROOT)}."
        raise ValueError(f"The configuration cannot be used:\n{lines}\n{described}")
    return config


def missing_releases(folders: Mapping[str, str]) -> str:
    """What `data_prep check` has to say of the licensed releases; empty where all are there."""
    command = [sys.executable, "-m", "data_prep", "check", *(f"{name}={at}" for name, at in folders.items())]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return (answer.stdout + answer.stderr).strip() if answer.returncode else ""


def _without_removed(config: Mapping[str, Any]) -> dict[str, Any]:
    experiments = config.get("experiments")
    if not isinstance(experiments, Mapping):
        return dict(config)
    kept = {
        dataset: {name: value for name, value in methods.items() if value is not None}
        for dataset, methods in experiments.items()
        if isinstance(methods, Mapping)
    }
    return {**config, "experiments": {**experiments, **kept}}


def _describe(error: jsonschema.ValidationError) -> str:
    """One error as a line: key, value, what is legal, what the key means."""
    key = ".".join(map(str, error.absolute_path))
    meaning = error.schema.get("description", "")
    meaning = f" ({meaning})" if meaning else ""
    if error.validator == "additionalProperties":
        legal = list(error.schema.get("properties", ()))
        unknown = [name for name in error.instance if name not in legal]
        more = [f"{len(unknown) - MOST} more unknown keys"] if len(unknown) > MOST else []
        told = [_unknown(f"{key}.{name}".lstrip("."), name, legal) for name in unknown[:MOST]]
        return "; ".join([*told, *more])
    if error.validator == "required":
        absent = [name for name in error.validator_value if name not in error.instance]
        return f"{key or 'the configuration'}: {', '.join(absent)} is missing"
    return f"{key}: {_shown(error.instance)} is not {_legal(error)}{meaning}"


def _shown(value: Any) -> str:
    """A value in at most a line or so."""
    brief = reprlib.Repr()
    brief.maxstring = brief.maxother = 100
    return brief.repr(value)


def _unknown(key: str, name: str, legal: list[str]) -> str:
    near = difflib.get_close_matches(name[:80], legal, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"{_shown(key)[1:-1]}: unknown key{hint}; legal here: {', '.join(sorted(legal))}"


_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
_BOUNDS = {
    "enum": lambda value: "one of " + ", ".join(map(str, value)),
    "type": _TYPES.get,
    "minimum": lambda value: f"{value} or more",
    "exclusiveMinimum": lambda value: f"more than {value}",
    "maximum": lambda value: f"{value} or less",
    "exclusiveMaximum": lambda value: f"less than {value}",
    "minItems": lambda value: f"a list of {value} or more",
    "maxItems": lambda value: f"a list of {value} or fewer",
    "minProperties": lambda value: f"a mapping of {value} or more keys",
    "maxProperties": lambda value: f"a mapping of {value} key or fewer",
    "uniqueItems": lambda value: "a list without repeats",
    "maxLength": lambda value: f"text of {value} characters or fewer",
    "pattern": lambda value: f"text of the form {value}",
}


def _legal(error: jsonschema.ValidationError) -> str:
    say = _BOUNDS.get(error.validator)
    return say(error.validator_value) if say else f"allowed: {error.message}"


def _unresolved(config: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say: every run's origin exists, and the lasso run is one."""
    try:
        runs = {str(run): spec.resolve(config, run) for run in spec.runs(config)}
    except ValueError as error:
        yield str(error)
        return
    chosen = config["rank_selection"]["run"]
    lasso = sorted({f"{s['dataset']}.{s['method']}" for s in runs.values() if s["training"]["lasso"] > 0})
    if chosen not in lasso:
        yield (
            f"rank_selection.run: {_shown(chosen)} is no experiment with training.lasso above 0; "
            f"there are {', '.join(lasso) or 'none'}"
        )
