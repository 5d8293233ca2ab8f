"""Do numbers survive files, copies and other processes?"""

import copy
import pickle
import tempfile
from pathlib import Path

import torch
from kernels import draw, inputs
from probing import SINGLE, holds, probe, refused, same
from torch import nn

SAVING = "Saving"


def small(library, form: str = "cp", *, rank: int = 3) -> nn.Module:
    """A float32 layer with a bias."""
    tensors = [tensor.float() for tensor in draw(form, (3, 3), rank=rank)]
    return library.layer(form, tensors, padding=1, bias=inputs(5, dtype=torch.float32))


def equal(library, form: str, one: nn.Module, other: nn.Module) -> None:
    """Numbers bit for bit, outputs up to the order of sums, which depends on where memory lies."""
    for own, copied in zip(library.numbers(form, one), library.numbers(form, other), strict=True):
        holds(torch.equal(own, copied), "numbers differ")
    x = inputs(2, 4, 6, 7, dtype=torch.float32)
    same(other(x), one(x), tolerance=SINGLE)


@probe("V1", SAVING, "The state dict fits a fresh layer, bit for bit", source="torch.nn.Module.state_dict")
def state(library, form):
    torch.manual_seed(0)
    layer = small(library, form)
    torch.manual_seed(9)
    other = small(library, form)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(layer.state_dict())
    equal(library, form, layer, other)


@probe("V2", SAVING, "A state dict of another rank is refused", source="torch.nn.Module.load_state_dict")
def wrong_state(library, form):
    state = small(library, form, rank=4).state_dict()
    refused(lambda state=state: small(library, form).load_state_dict(state), errors=(RuntimeError,))


@probe(
    "V3",
    SAVING,
    "A whole layer comes back from a file that can execute nothing",
    source="torch.load: weights_only",
)
def whole(library, form):
    layer = small(library, form)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer"
        library.save(layer, path)
        equal(library, form, layer, library.load(path))


@probe("V4", SAVING, "Stride, padding and dilation come back with it")
def options(library):
    tensors = [tensor.float() for tensor in draw("cp", (3, 3))]
    layer = library.layer("cp", tensors, stride=(1, 2), padding=(0, 2), dilation=(2, 1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer"
        library.save(layer, path)
        equal(library, "cp", layer, library.load(path))


@probe("V5", SAVING, "A deep copy is equal and apart", source="copy.deepcopy")
def deep_copy(library, form):
    layer = small(library, form)
    twin = copy.deepcopy(layer)
    equal(library, form, layer, twin)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
    holds(
        bool(twin(inputs(1, 4, 5, 5, dtype=torch.float32)).any()),
        "the copy follows the original",
    )


@probe(
    "V6",
    SAVING,
    "To another process and back, as data loaders and launchers need",
    source="torch.multiprocessing",
)
def pickled(library, form):
    layer = small(library, form)
    equal(library, form, layer, pickle.loads(pickle.dumps(layer)))


@probe("V7", SAVING, "The printed layer tells channels, kernel and rank")
def printed(library, form):
    text = repr(small(library, form))
    for part in ("5", "4", "(3, 3)", "rank"):
        holds(part in text, f"no {part} in the text")


@probe("V8", SAVING, "Layers from factors and from shape have one state dict")
def one_state(library, form):
    built = small(library, form)
    given = library.from_factors(
        form, [t.float() for t in draw(form, (3, 3))], bias=inputs(5).float(), padding=1
    )
    extra = sorted(set(given.state_dict()) ^ set(built.state_dict()))
    holds(not extra, f"{len(extra)} other keys, such as {extra[0] if extra else ''}")


@probe("V9", SAVING, "To a layer of the other library and back, bit for bit")
def exchanged(library, form):
    layer = small(library, form)
    equal(library, form, layer, library.there_and_back(layer))
