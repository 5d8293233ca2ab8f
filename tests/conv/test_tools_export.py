"""torch.export and ONNX with a batch of any size: the same outputs as the layer's own."""

import pytest
import torch
from tool_cases import FEW, KINDS, Side, image


def exported(module: torch.nn.Module, order: int) -> torch.export.ExportedProgram:
    """With the batch left open."""
    batch = torch.export.Dim("batch", min=1, max=64)
    return torch.export.export(module, (image(order),), dynamic_shapes=({0: batch},))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_an_exported_layer_takes_any_batch(order):
    torch.manual_seed(order)
    module = Side(order, FEW if order == 4 else KINDS).eval()
    program = exported(module, order).module()
    for batch in (1, 3, 64):
        x = image(order, batch=batch)
        torch.testing.assert_close(program(x), module(x))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.filterwarnings("ignore")  # the exporter's own, about its libraries
def test_onnxruntime_computes_the_same(order):
    """All forms of order 2 and one of each class of the others: the exporter takes its time."""
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    torch.manual_seed(order)
    names = tuple(KINDS) if order == 2 else FEW
    module = Side(order, names).eval()
    program = torch.onnx.export(exported(module, order), dynamo=True, verbose=False)
    session = runtime.InferenceSession(
        program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (given,) = session.get_inputs()
    assert given.shape[1:] == list(image(order).shape[1:]) and isinstance(given.shape[0], str)
    for batch in (1, 2, 5):
        x = image(order, batch=batch)
        for name, found, expected in zip(
            names, session.run(None, {given.name: x.numpy()}), module(x), strict=True
        ):
            torch.testing.assert_close(
                torch.from_numpy(found),
                expected,
                rtol=1e-5,
                atol=1e-5,
                msg=lambda text, name=name: f"{name}: {text}",
            )
