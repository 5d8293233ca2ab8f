"""From a row of runs.csv to the run: record, predictions, model, data, each held to its hash."""

import fnmatch
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hocp.contracts import files, trail
from hocp.contracts.trail import Broken


def names(row: Mapping[str, str], scenario: Path) -> list[str]:
    """Runs that a row of runs.csv is of: one, or all folds."""
    if row["fold"] != "all":
        return [row["run"]]
    pattern = f"scenario:runs/{row['dataset']}.{row['method']}.f*.s{row['seed']}/record.json"
    listed = _records(scenario)
    found = sorted(name for name in listed if fnmatch.fnmatchcase(name, pattern))
    return [name.split("/")[1] for name in found]


def _records(scenario: Path) -> Mapping[str, str]:
    """Records that runs.csv was made from, with their hashes."""
    place = trail.locate("scenario:tables/runs.csv", scenario)
    assert place is not None, scenario
    return trail.read(place)["inputs"]


def told(run: str, scenario: Path) -> Iterator[str]:
    """One run, link by link.

    Raises
    ------
    Broken
        At the first link that does not hold.
    """
    name = f"scenario:runs/{run}/record.json"
    listed = _records(scenario)
    if name not in listed:
        raise Broken(f"runs.csv has rows of {run}, but its trail names no record of that run; score anew")
    yield f"  run {run}"
    path = trail.held(name, listed[name], scenario, stale="has changed since runs.csv was made from it:")
    if path is None:
        yield f"    record: not kept; its SHA-256 {listed[name]}"
        return
    yield f"    record: {name}, verified, SHA-256 {listed[name]}"
    yield from _held(run, files.read_json(path), scenario)


def _held(run: str, facts: Mapping[str, Any], scenario: Path) -> Iterator[str]:
    """What a record names."""
    data, dataset = facts["data"], facts["dataset"]
    _same_facts(dataset, data["manifest_sha256"], scenario)
    if files.sha256_of(facts["spec"]) != facts["spec_sha256"]:
        raise Broken(f"record of {run}: the specification is not the one that was hashed")
    for what, place, expected in (
        ("predictions", f"runs/{run}/predictions.npz", facts["predictions_sha256"]),
        ("model", f"runs/{run}/model.safetensors", facts["model_sha256"]),
        ("manifest", f"data/{dataset}/manifest.csv", data["manifest_sha256"]),
        ("crops", f"data/{dataset}/crops.h5", data["crops_sha256"]),
    ):
        stale = f"is not the file that the record of {run} describes:"
        kept = trail.held(f"scenario:{place}", expected, scenario, stale=stale)
        said = f"{place}, verified, SHA-256" if kept else "not kept; its SHA-256 is"
        yield f"    {what}: {said} {expected}"
    yield f"    data: {data['data']}, {data['release']}"
    start = facts["spec"]["start"]
    origin = f"{start['kind']} of {start['run']}" if start["run"] else "from scratch"
    yield f"    specification: verified, SHA-256 {facts['spec_sha256']}; {origin}, seed {facts['seed']}"
    yield f"    code: {code_words(facts['code'])}"
    yield f"    environment: {_environment(facts['environment'])}"
    yield f"    trained by: {facts['command']}"
    yield f"    evaluated by: {facts['evaluation']['command']}"


def _same_facts(dataset: str, manifest: str, scenario: Path) -> None:
    """The facts of the data set speak of the same manifest."""
    place = trail.locate(f"scenario:data/{dataset}/manifest.json", scenario)
    if place is not None and (found := files.read_json(place)["manifest_sha256"]) != manifest:
        raise Broken(f"{place} describes the manifest {found}, the record one of SHA-256 {manifest}")


def code_words(code: Mapping[str, Any]) -> str:
    """Commit and hash of the code."""
    commit = code["commit"] or "no commit"
    return f"commit {commit}{' with changes' if code['changed'] else ''}, sources {code['sources_sha256']}"


def _environment(found: Mapping[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in found["packages"].items() if version)
    return (
        f"Python {found['python']}, {packages}, {found['system']}, {found['processor']}, on {found['device']}"
    )
