"""What a file of weights holds: which of its dictionaries, and what is before every name in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from gclbench.errors import CheckpointError
from gclbench.networks.layouts import Layout, detect
from gclbench.weight_files.reading import anew, is_torchscript, read_weight_file

# Dictionaries that are opened before others: the network itself, where a copy of it lies beside.
FIRST = (
    "id",
    "gen",
    "dis",
    "state_dict",
    "model",
    "model_state_dict",
    "net",
    "network",
    "weights",
)
# What nn.DataParallel, torch.compile and FSDP put before or between names: never a layer.
_WRAPPING = {"module", "_orig_mod", "_fsdp_wrapped_module", "_forward_module"}
# First parts of names that tell a layout; all others are taken off where every name has them.
_TELLING = {"base", "CNN", "cnns", "enc_content", "dec", "feat", "feat_bn", "heads", "features"}
_DEPTH = 4
_RESAVE = "Save a network's state_dict(): names and tensors."


@dataclass(frozen=True)
class Contents:
    """What a file holds: tensors by name, the dictionaries around them, entries beside them.

    `prefix` stood before every name and was taken off.
    """

    tensors: dict[str, Tensor]
    wrappers: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    prefix: str = ""

    @cached_property
    def layout(self) -> Layout:
        return detect(self.tensors)


def read_checkpoint(path: str | Path) -> Contents:
    """Read a file of tensors. Raises DataMissingError, CheckpointError."""
    file = Path(path)
    if is_torchscript(file):
        raise CheckpointError(
            f"{file} is a TorchScript program, not a file of tensors.",
            "`gclbench embed` runs it; to load weights, name the state dict it was made from.",
        )
    return contents_of(read_weight_file(file), file)


def contents_of(content: Any, file: Path) -> Contents:
    """Open the one dictionary of tensors. Raises CheckpointError that names what there is."""
    wrappers: list[str] = []
    beside: list[str] = []
    while True:
        if not isinstance(content, Mapping):
            raise CheckpointError(
                f"{file} holds no dictionary of tensors, but {_described(content)}.", _RESAVE
            )
        if _of_optimiser(content):
            raise CheckpointError(
                f"{file} holds an optimiser's state, no weights.", "Name the file beside it."
            )
        inner = _inner(content, file, tuple(wrappers))
        if inner is None:
            break
        wrappers.append(str(inner))
        beside += [str(name) for name in content if name != inner]
        content = content[inner]
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    beside += [str(name) for name, value in content.items() if not isinstance(value, Tensor)]
    prefix, bare = without_prefix(tensors)
    return Contents(bare, tuple(wrappers), tuple(beside), prefix)


def _inner(content: Mapping[Any, Any], file: Path, wrappers: tuple[str, ...]) -> Any:
    """The key of the dictionary to open next; None where the tensors lie here."""
    held = [name for name, value in content.items() if _holds_tensors(value)]
    for name in FIRST:
        if name in held or _of_optimiser(content.get(name)):
            return name
    tensors = [name for name, value in content.items() if isinstance(value, Tensor)]
    if any("." in str(name) for name in tensors) or (tensors and not held):
        return None
    networks = [name for name in held if not _of_optimiser(content[name])]
    if len(networks) == 1 and len(wrappers) < _DEPTH:
        return networks[0]
    inside = f"under '{' > '.join(wrappers)}' " if wrappers else ""
    if not held:
        names = ", ".join(repr(str(name)) for name in list(content)[:5]) or "nothing"
        raise CheckpointError(f"{file} holds no tensors: {inside}it has {names}.", _RESAVE)
    names = ", ".join(repr(str(name)) for name in networks or held)
    choice = str((networks or held)[0])
    raise CheckpointError(
        f"{file} holds no tensors at the top, but {inside}under {names}.",
        "Save the one that you want alone, here the first: " + anew(file, choice, trusted=False),
    )


def _of_optimiser(value: Any) -> bool:
    return isinstance(value, Mapping) and "param_groups" in value


def _holds_tensors(value: Any, depth: int = _DEPTH) -> bool:
    if not isinstance(value, Mapping) or depth == 0:
        return False
    if any(isinstance(each, Tensor) for each in value.values()):
        return True
    return any(_holds_tensors(each, depth - 1) for each in list(value.values())[:100])


def _described(content: Any) -> str:
    if isinstance(content, Tensor):
        return f"a single tensor {tuple(content.shape)}"
    if isinstance(content, list | tuple):
        return f"a list of {len(content)}"
    return f"a {type(content).__name__}"


def without_prefix(tensors: Mapping[str, Tensor]) -> tuple[str, dict[str, Tensor]]:
    """Take off what wraps names, in any order and as often as it stands, and what all begin with.

    Names that would become equal stay as they are.
    """
    bare = {name: ".".join(_unwrapped(name.split("."))) for name in tensors}
    if len(set(bare.values())) < len(bare):
        bare = {name: name for name in tensors}
    common = _common(bare.values())
    final = {name: short.removeprefix(common) for name, short in bare.items()}
    before = (name.removesuffix(short) for name, short in final.items() if name.endswith(short))
    return next(before, ""), {short: tensors[name] for name, short in final.items()}


def _unwrapped(parts: list[str]) -> list[str]:
    return [part for part in parts[:-1] if part not in _WRAPPING] + parts[-1:]


def _common(names: Iterable[str]) -> str:
    """The parts that every name begins with, up to one that tells a layout, as 'model.net.'."""
    lists = [name.split(".")[:-1] for name in names]
    found: list[str] = []
    for parts in zip(*lists, strict=False):
        if len(set(parts)) > 1 or parts[0] in _TELLING or len(lists) < 2:
            break
        found.append(parts[0])
    if found and all(len(parts) <= len(found) for parts in lists):
        found.pop()  # names of a single layer: 'fc.weight', 'fc.bias'
    return "".join(f"{part}." for part in found)
