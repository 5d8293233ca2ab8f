"""Which runs a configuration has, and what decides each of them."""

import copy

import pytest

from hocp.contracts import spec
from hocp.contracts.spec import Run

CONFIG = {
    "seeds": [0, 7],
    "folds": [0, 3],
    "width": 0.5,
    "training": {
        "common": {"lr": 0.1, "steps": 1, "batch": 2, "augment": {"flip": 0.5, "rotate": 10}},
        "affectnet": {"steps": 2},
        "static": {"steps": 3},
        "temporal": {"steps": 4, "batch": 8},
    },
    "experiments": {
        "affectnet": {"hocp": {"network": "hocp_resnet18"}, "resnet18": {"network": "resnet18"}},
        "afew_va": {
            "hocp": {"network": "hocp_resnet18", "start": {"finetune": "affectnet.hocp"}},
            "hocp_transduction": {
                "network": "hocp_resnet18_3d",
                "start": {"transduce": "afew_va.hocp"},
                "training": {"steps": 5, "augment": {"flip": 0.0}},
            },
        },
    },
}

FEWER = copy.deepcopy(CONFIG) | {
    "training_groups": {"dataset": "sewa", "methods": ["hocp", "tuned"], "counts": [3]}
}
FEWER["experiments"]["sewa"] = {
    "hocp": {"network": "hocp_resnet18", "start": {"finetune": "affectnet.hocp"}},
    "tuned": {"network": "hocp_resnet18", "start": {"finetune": "sewa.hocp"}},
}


def changed(path, value):
    """CONFIG with one value replaced."""
    config = copy.deepcopy(CONFIG)
    *way, last = path.split(".")
    place = config
    for key in way:
        place = place[key]
    place[last] = value
    return config


def test_runs_cover_methods_folds_and_seeds_in_order():
    named = [str(run) for run in spec.runs(CONFIG)]
    assert named[:4] == [
        "affectnet.hocp.f0.s0", "affectnet.hocp.f0.s7",
        "affectnet.resnet18.f0.s0", "affectnet.resnet18.f0.s7",
    ]  # fmt: skip
    assert [name for name in named if "transduction" in name] == [
        f"afew_va.hocp_transduction.f{fold}.s{seed}" for fold in (0, 3) for seed in (0, 7)
    ]
    assert len(named) == len(set(named)) == 12


def test_names_read_back():
    for run in spec.runs(FEWER):
        assert Run.parse(str(run)) == run


def test_runs_on_fewer_groups_come_last_and_start_within_the_same_groups():
    named = [str(run) for run in spec.runs(FEWER)]
    whole = {key: value for key, value in FEWER.items() if key != "training_groups"}
    assert named[:-4] == [str(run) for run in spec.runs(whole)]
    assert named[-4:] == [
        "sewa.hocp.g3.f0.s0", "sewa.hocp.g3.f0.s7", "sewa.tuned.g3.f0.s0", "sewa.tuned.g3.f0.s7",
    ]  # fmt: skip
    assert spec.resolve(FEWER, Run("sewa", "hocp", 0, 7, 3))["start"]["run"] == "affectnet.hocp.f0.s7"
    found = spec.resolve(FEWER, Run("sewa", "tuned", 0, 7, 3))
    assert found["start"]["run"] == "sewa.hocp.g3.f0.s7" and found["groups"] == 3


def test_a_start_on_fewer_groups_that_is_not_run_is_refused():
    config = copy.deepcopy(FEWER)
    config["training_groups"]["methods"] = ["tuned"]
    with pytest.raises(ValueError, match="tuned starts from hocp, which has to be there too"):
        spec.resolve(config, Run("sewa", "tuned", 0, 0, 3))


@pytest.mark.parametrize(
    "text", ["fer.hocp.f0.s0", "sewa.hocp.f0", "sewa.hocp.f0.s0.x", "sewa.hocp.fx.s0", ""]
)
def test_what_is_no_run_name_is_refused(text):
    with pytest.raises(ValueError, match=r"expected <dataset>\.<method>\.f<fold>\.s<seed>"):
        Run.parse(text)


def test_later_training_values_win():
    image = spec.resolve(CONFIG, Run("affectnet", "hocp", 0, 7))
    assert image["training"] == {**CONFIG["training"]["common"], "steps": 2}
    assert spec.resolve(CONFIG, Run("afew_va", "hocp", 0, 0))["training"]["steps"] == 3
    clip = spec.resolve(CONFIG, Run("afew_va", "hocp_transduction", 3, 7))["training"]
    # Whole values replace each other: augment is the experiment's own, not a mixture.
    assert clip == {"lr": 0.1, "steps": 5, "batch": 8, "augment": {"flip": 0.0}}


def test_a_specification_holds_name_network_and_start():
    found = spec.resolve(CONFIG, Run("affectnet", "resnet18", 0, 7))
    assert found["run"] == "affectnet.resnet18.f0.s7"
    assert (found["dataset"], found["method"], found["fold"], found["seed"]) == (
        "affectnet",
        "resnet18",
        0,
        7,
    )
    assert found["network"] == {"name": "resnet18", "width": 0.5}
    assert found["start"] == {"kind": "scratch", "run": None}


def test_a_start_keeps_the_seed_and_the_fold_within_a_data_set():
    from_images = spec.resolve(CONFIG, Run("afew_va", "hocp", 3, 7))["start"]
    assert from_images == {"kind": "finetune", "run": "affectnet.hocp.f0.s7"}
    # The same fold, so that what it starts from has not seen the clips it is tested on.
    within = spec.resolve(CONFIG, Run("afew_va", "hocp_transduction", 3, 7))["start"]
    assert within == {"kind": "transduce", "run": "afew_va.hocp.f3.s7"}


def test_resolving_leaves_the_configuration_alone():
    before = copy.deepcopy(CONFIG)
    for run in spec.runs(CONFIG):
        spec.resolve(CONFIG, run)
    assert before == CONFIG


E = "experiments.afew_va.hocp_transduction"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (f"{E}.network", "resnet19", rf"{E}\.network is 'resnet19', expected one of resnet18, "),
        (
            f"{E}.start",
            {"transduce": "afew_va.hcop"},
            r"no experiment afew_va\.hcop; there are affectnet\.hocp, ",
        ),
        (
            f"{E}.start",
            {"finetune": "afew_va.hocp"},
            r"hocp_resnet18 becomes hocp_resnet18 .* not hocp_resnet18_3d",
        ),
        (f"{E}.start", {"transduce": "affectnet.resnet18"}, "network resnet18 becomes nothing"),
        (f"{E}.start", {"tranduce": "afew_va.hocp"}, "expected one key, finetune or transduce"),
        (f"{E}.start", {"finetune": "a.b", "transduce": "a.c"}, "expected one key"),
        (f"{E}.start", {"finetune": "afew_va.hocp_transduction"}, "circle"),
    ],
)
def test_what_cannot_be_resolved_is_named(path, value, message):
    config = changed(path, value)
    with pytest.raises(ValueError, match=message):
        spec.resolve(config, Run("afew_va", "hocp_transduction", 0, 0))


def test_an_unknown_experiment_is_named():
    with pytest.raises(ValueError, match=r"no experiment sewa\.hocp; there are affectnet\.hocp"):
        spec.resolve(CONFIG, Run("sewa", "hocp", 0, 0))


def test_a_long_circle_is_found():
    config = changed("experiments.affectnet.hocp.start", {"finetune": "afew_va.hocp"})
    with pytest.raises(ValueError, match="circle"):
        spec.resolve(config, Run("afew_va", "hocp_transduction", 0, 0))


@pytest.mark.parametrize("name", sorted(spec.TRANSDUCTIONS))
def test_transduction_goes_from_images_to_clips(name):
    assert (spec.NETWORKS[name], spec.NETWORKS[spec.TRANSDUCTIONS[name]]) == (2, 3)
