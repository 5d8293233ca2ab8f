"""What is said of a configuration that cannot be used, and how scenario files merge."""

import copy
import json
from pathlib import Path

import pytest
import yaml

from hocp.contracts import spec
from tests.workflow import suite
from workflow.scenario import SCHEMA, checked

ROOT = Path(__file__).resolve().parents[2]
# Through JSON, so that what YAML wrote once for two data sets becomes two values, as Snakemake makes of it.
DEMO = json.loads(json.dumps(yaml.safe_load((ROOT / "config/config.yaml").read_text("utf-8"))))

#: Dotted key, value -> what the message has to say.
REFUSED = [
    ("widht", 1, ["widht: unknown key", "did you mean width?", "legal here:", "seeds"]),
    ("data.generated.sewa.segmens", 3, ["data.generated.sewa.segmens", "did you mean segments?"]),
    ("data.generated.sewa.release", "avec2020", ["is not one of basic, avec2017, avec2018, avec2019"]),
    ("data.prepare.sewa.label_delay", 11, ["data.prepare.sewa.label_delay: 11 is not 10 or less"]),
    ("width", "big", ["width: 'big' is not a number"]),
    ("width", 0, ["width: 0 is not more than 0"]),
    ("seeds", [], ["seeds: [] is not a list of 1 or more"]),
    ("seeds", ["a"], ["seeds.0: 'a' is not a whole number"]),
    ("folds", [7], ["folds.0: 7 is not one of 0, 1, 2, 3, 4"]),
    ("folds", [1, 1], ["folds: [1, 1] is not a list without repeats"]),
    ("scenario", "../up", ["scenario: '../up' is not text of the form"]),
    ("scenario", "reference", ["scenario: 'reference'"]),
    ("gpus", -1, ["gpus: -1 is not 0 or more"]),
    ("data.source", "licenced", ["data.source: 'licenced' is not one of generated, licensed"]),
    ("data.prepare.affectnet.crop", "face", ["'face' is not one of box, landmarks", "drawn around"]),
    ("training.common.precision", "int8", ["'int8' is not one of fp32, bf16, fp16"]),
    ("training.common.stages", [{"train": "some", "share": 1}], ["training.common.stages.0.train: 'some'"]),
    ("experiments.sewa.r3d18.network", "r3d19", ["experiments.sewa.r3d18.network", "'r3d19'", "r2plus1d18"]),
    ("experiments.sewa.r3d18.training", {"step": 3}, ["training.step: unknown key (did you mean steps?)"]),
    ("experiments.sewa.hocp.start", {"finetune": "affectnet.hopc"}, ["affectnet.hopc", "affectnet.hocp"]),
    ("experiments.sewa.r3d18.start", {"transduce": "sewa.r3d18"}, ["transduce knows hocp_resnet18"]),
    ("experiments.sewa.r3d18.start", {"finetune": "a", "transduce": "b"}, ["1 key or fewer"]),
    ("experiments.affect", {}, ["experiments.affect: unknown key", "affectnet"]),
    ("experiments", 3, ["experiments: 3 is not a mapping"]),
    ("rank_selection.run", "affectnet.hocp", ["'affectnet.hocp' is no", "affectnet.hocp_lasso"]),
]  # fmt: skip


def changed(key: str, value: object) -> dict:
    """The demo configuration with one key set."""
    config = copy.deepcopy(DEMO)
    *path, last = key.split(".")
    place = config
    for part in path:
        place = place[part]
    place[last] = value
    return config


@pytest.mark.parametrize(
    ("key", "value", "words"), REFUSED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_refused_in_words(key, value, words):
    with pytest.raises(ValueError) as caught:
        checked(changed(key, value))
    message = str(caught.value)
    assert message.startswith("The configuration cannot be used:")
    assert [word for word in words if word not in message] == [], message


def test_all_problems_at_once():
    config = changed("width", "big") | {"seeds": []}
    with pytest.raises(ValueError, match=r"(?s)seeds.*width"):
        checked(config)


def test_missing_key_is_named():
    config = copy.deepcopy(DEMO)
    del config["training"]["common"]["lr"]
    with pytest.raises(ValueError, match=r"training\.common: lr is missing"):
        checked(config)


def test_experiment_without_a_value_is_taken_away():
    config = changed("experiments.sewa.r3d18", None)
    runs = {str(run) for run in spec.runs(checked(config))}
    assert "sewa.r3d18.f0.s0" not in runs and "afew_va.r3d18.f0.s0" in runs


def objects(schema: object):
    """All parts of the schema that describe mappings with fixed keys."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


def test_schema_is_closed_and_described():
    schema = yaml.safe_load(SCHEMA.read_text("utf-8"))
    parts = list(objects(schema))
    assert len(parts) > 10
    for part in parts:
        assert part.get("additionalProperties") is False or "$ref" in part, part
        for name, value in part["properties"].items():
            shared = schema["$defs"].get(value.get("$ref", "").rpartition("/")[2], {})
            assert value.get("description") or shared.get("description"), name


def test_refused_by_snakemake_without_a_traceback(tmp_path):
    folder = suite.copy(tmp_path)
    answer = suite.snakemake(folder, "-n", "all", "--config", "widht=1")
    assert answer.returncode == 1
    assert "widht: unknown key (did you mean width?)" in answer.stdout
    assert "Traceback" not in answer.stdout and ".smk" not in answer.stdout


def test_missing_archives_are_one_message_before_anything(tmp_path):
    folder = suite.copy(tmp_path)
    answer = suite.snakemake(folder, "all", "--configfile", "config/paper.yaml")
    assert answer.returncode == 1
    for name in ("AffectNet", "SEWA", "AFEW-VA"):
        assert name in answer.stdout
    assert "Traceback" not in answer.stdout and "Building DAG" not in answer.stdout
    assert not (folder / "results/paper").exists()


def test_scenario_file_changes_only_what_it_names(tmp_path):
    folder = suite.copy(tmp_path)
    delta = tmp_path / "delta.yaml"
    delta.write_text("scenario: delta\nexperiments: {sewa: {r3d18: null, hocp: {training: {lr: 0.5}}}}\n")
    answer = suite.snakemake(folder, "-n", "-p", "train", "--configfile", delta)
    assert answer.returncode == 0, answer.stdout
    assert "sewa.r3d18" not in answer.stdout and "afew_va.r3d18.f0.s0" in answer.stdout
    specs = [line for line in answer.stdout.splitlines() if "hocp train" in line and '"lr": 0.5' in line]
    assert specs and all('"run": "sewa.hocp.' in line for line in specs)
