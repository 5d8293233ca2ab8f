"""The network that a run begins with: fresh, fine-tuned from another run, or transduced from one.

Also how a finished run's network is loaded again, pruned ones included.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hocp import networks
from hocp.contracts import files
from hocp.conv import CPConv, prune_, transduce
from hocp.learning.losses import AFFECT, EXPRESSIONS
from hocp.learning.seeding import number

MODEL, FACTS = "model.safetensors", "train.json"


def outputs_of(spec: Mapping[str, Any]) -> int:
    """Outputs of a run's network: valence and arousal, and the expressions where they are trained."""
    return AFFECT + (EXPRESSIONS if spec["training"]["expression_loss"] else 0)


def fresh(spec: Mapping[str, Any]) -> nn.Module:
    """A network of the run's kind with fresh parameters, decided by the run's seed."""
    return _build(spec, spec["network"]["name"], outputs_of(spec))


def _build(spec: Mapping[str, Any], name: str, outputs: int) -> nn.Module:
    torch.manual_seed(number(spec["seed"], "initial parameters"))
    options = {"cp_weights": True} if spec["training"]["lasso"] > 0 else {}
    return networks.build(name, outputs=outputs, width=spec["network"]["width"], **options)


def begin(spec: Mapping[str, Any], folder: str | Path | None) -> nn.Module:
    """The network that training begins with.

    Parameters
    ----------
    spec : mapping
        See `hocp.contracts.spec.resolve`.
    folder : path, optional
        Folder of the run ``spec.start.run``.

    Raises
    ------
    ValueError
        If the folder is missing, superfluous or of another run, or if its network does not fit.
    """
    kind, run = spec["start"]["kind"], spec["start"]["run"]
    if (folder is None) != (run is None):
        expected = (
            f"--start-run with the folder of {run}" if run else "no --start-run: it trains from scratch"
        )
        raise ValueError(f"run {spec['run']} needs {expected}; --start-run is {folder}")
    if kind == "scratch":
        return fresh(spec)
    origin = read_facts(folder)
    if origin["run"] != run:
        raise ValueError(f"--start-run {folder} holds run {origin['run']}, expected {run}")
    if origin["spec"]["network"]["width"] != spec["network"]["width"]:
        raise ValueError(
            f"--start-run {folder} has width {origin['spec']['network']['width']}, the run has "
            f"{spec['network']['width']}; train {run} anew"
        )
    state = _with_outputs(read_model(folder, origin), outputs_of(spec))
    if kind == "finetune":
        return fill(fresh(spec), state, f"{folder} (start of {spec['run']})")
    image = _build(spec, origin["spec"]["network"]["name"], outputs_of(spec))
    return transduce(fill(image, state, f"{folder} (start of {spec['run']})"))


def _with_outputs(state: dict[str, Tensor], outputs: int) -> dict[str, Tensor]:
    """Keep the head's first rows, valence and arousal, where the new run has fewer outputs."""
    head = ("fc.weight", "fc.bias")
    assert all(name in state for name in head), sorted(state)
    if len(state["fc.bias"]) < outputs:
        raise ValueError(f"the start has {len(state['fc.bias'])} outputs, the run needs {outputs}")
    return {name: value[:outputs].clone() if name in head else value for name, value in state.items()}


def load(folder: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """Network of a trained run and its facts, the model's hash verified."""
    facts = read_facts(folder)
    network = fresh(facts["spec"])
    return fill(network, read_model(folder, facts), str(folder)), facts


def read_facts(folder: str | Path) -> dict[str, Any]:
    """``train.json`` of a run.

    Raises
    ------
    FileNotFoundError
        If the run is not there or not finished.
    """
    path = Path(folder) / FACTS
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: the run is not trained, or not to its end")
    return files.read_json(path)


def read_model(folder: str | Path, facts: Mapping[str, Any]) -> dict[str, Tensor]:
    """Parameters and buffers of a run.

    Raises
    ------
    ValueError
        If the file is not the one that the run's facts describe.
    """
    path = Path(folder) / MODEL
    found = files.sha256(path)
    if found != facts["model_sha256"]:
        raise ValueError(f"{path} has SHA-256 {found}, {FACTS} beside it says {facts['model_sha256']}")
    return load_file(path)


def fill(network: nn.Module, state: Mapping[str, Tensor], source: str) -> nn.Module:
    """Load a state into a network; CP layers shrink to the ranks found in it.

    A state without CP weights, for a network that learns them, leaves them at one in effect: the factors of
    such a network carry their scale.

    Raises
    ------
    ValueError
        If names or shapes do not fit otherwise.
    """
    _shrink(network, state)
    gates = {
        f"{name}.weights": torch.ones_like(layer.weights)
        for name, layer in network.named_modules()
        if isinstance(layer, CPConv) and layer.learn_weights
    }
    try:
        network.load_state_dict({**gates, **state})
    except RuntimeError as error:
        raise ValueError(f"{source}: not a model of this network: {error}") from None
    return network


@torch.no_grad()
def _shrink(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give pruned CP layers the rank that they have in a state."""
    pruned = False
    for name, layer in network.named_modules():
        if isinstance(layer, CPConv) and layer.learn_weights and f"{name}.weights" in state:
            layer.weights[len(state[f"{name}.weights"]) :] = 0
            pruned = True
    if pruned:
        prune_(network)
