"""E_id of a trained node as a file for others: a state dict, a TorchScript or an ONNX program."""

from __future__ import annotations

import importlib.util
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from gclbench import __version__
from gclbench.atomic import OUT_REMEDY, put_in_place, storage_errors, write_atomically
from gclbench.digest import file_digest
from gclbench.errors import MissingExtraError, UnknownNameError, UsageError
from gclbench.networks.id_encoder import IdEncoder
from gclbench.runtime.checkpoints.embedder import Embedder
from gclbench.runtime.checkpoints.find import TrainedNode
from gclbench.runtime.checkpoints.sidecar import Sidecar, write_sidecar
from gclbench.schema.settings import DataSettings

PIXELS = "uint8 RGB (N, H, W, 3)"
NORMALISED = "float32 RGB (N, 3, H, W): (v / 255 - mean) / std with ImageNet's mean and std"
UNIT = "float32 (N, E), rows of length 1"
Write = Callable[[IdEncoder, DataSettings, Path], None]


def export(node: TrainedNode, out: Path, kind: str) -> list[Path]:
    """Write E_id of a node to `out`, and beside it `out`.json, which says what it is.

    Formats   state_dict: torchvision's names plus `feat` and `feat_bn`, as GCL's model_best.pth;
              torchscript, onnx: from pictures (uint8) to unit features, any batch size.
    Raises    UnknownNameError for another format, MissingExtraError for onnx without its
              packages, CheckpointError for a damaged node, StorageFullError.
    """
    if kind not in FORMATS:
        raise UnknownNameError("format", kind, FORMATS)
    if out.is_dir():
        raise UsageError(f"out={out} is a folder.", "Name a file in it.")
    settings = node.settings
    with storage_errors(out.parent, OUT_REMEDY):
        out.parent.mkdir(parents=True, exist_ok=True)
    FORMATS[kind](node.encoder().eval(), settings.data, out)
    tensors = kind == "state_dict"
    sidecar = Sidecar(
        gclbench=__version__,
        format=kind,
        file=file_digest(out),
        network=settings.network.id_encoder,
        height_px=settings.data.height_px,
        width_px=settings.data.width_px,
        input=NORMALISED if tensors else PIXELS,
        output="f before normalisation: feat_bn(feat(mean of the last map))" if tensors else UNIT,
        node=node.record.key,
        stage=node.record.stage,
        label=node.record.label,
        seed=node.record.seed,
        datasets=node.record.datasets,
    )
    return [out, write_sidecar(out, sidecar)]


def _state_dict(encoder: IdEncoder, data: DataSettings, out: Path) -> None:
    # Plain memory order: a reader need not know that convolutions lie channels-last here.
    state = {name: value.contiguous().clone() for name, value in encoder.state_dict().items()}
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomically(out, buffer.getbuffer(), remedy=OUT_REMEDY)


def _torchscript(encoder: IdEncoder, data: DataSettings, out: Path) -> None:
    buffer = io.BytesIO()
    with _quiet(), torch.no_grad():
        torch.jit.save(torch.jit.trace(Embedder(encoder), (_example(data),)), buffer)
    write_atomically(out, buffer.getbuffer(), remedy=OUT_REMEDY)


def _onnx(encoder: IdEncoder, data: DataSettings, out: Path) -> None:
    for package in ("onnx", "onnxscript"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "onnx")
    with put_in_place(out, remedy=OUT_REMEDY) as draft, _quiet():
        torch.onnx.export(
            captured(encoder, data),
            (),
            str(draft),
            input_names=["images"],
            output_names=["features"],
            external_data=False,
            dynamo=True,
        )


def captured(encoder: IdEncoder, data: DataSettings) -> torch.export.ExportedProgram:
    """The graph from pictures to unit features with a free batch size."""
    batch = torch.export.Dim("batch", min=1)
    return torch.export.export(
        Embedder(encoder), (_example(data),), dynamic_shapes={"images": {0: batch}}
    )


def _example(data: DataSettings) -> torch.Tensor:
    # Two images: a batch of one would be taken for a constant.
    return torch.zeros((2, data.height_px, data.width_px, 3), dtype=torch.uint8)


@contextmanager
def _quiet() -> Iterator[None]:
    """TorchScript is announced as deprecated at each call, and still what deployments read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


FORMATS: dict[str, Write] = {
    "state_dict": _state_dict,
    "torchscript": _torchscript,
    "onnx": _onnx,
}
