"""What stands beside an exported file: sizes, origin, and the digest of the file it speaks of."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from gclbench.atomic import OUT_REMEDY, write_atomically
from gclbench.digest import file_digest
from gclbench.errors import CheckpointError
from gclbench.schema.model import Model
from gclbench.schema.settings import IdEncoderSettings


class Sidecar(Model):
    """`FILE.json`; `node` is the key of the node that was exported, `file` the SHA-256 of FILE."""

    gclbench: str
    format: str
    file: str
    network: IdEncoderSettings
    height_px: int
    width_px: int
    input: str
    output: str
    node: str
    stage: str
    label: str
    seed: int
    datasets: dict[str, str]


def sidecar_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def write_sidecar(path: Path, sidecar: Sidecar) -> Path:
    """Write it beside `path`, whole, and return where."""
    text = sidecar.model_dump_json(indent=1)
    return write_atomically(sidecar_path(path), text.encode(), remedy=OUT_REMEDY)


def read_sidecar(path: Path) -> Sidecar | None:
    """Return what stands beside `path`, if anything. Raises CheckpointError for another file's."""
    place = sidecar_path(path)
    if not place.is_file():
        return None
    try:
        sidecar = Sidecar.model_validate_json(place.read_bytes())
    except (OSError, ValidationError) as error:
        raise CheckpointError(
            f"{place} is no description of {path.name}.", "Delete it, or export again."
        ) from error
    if sidecar.file != file_digest(path):
        raise CheckpointError(
            f"{place} describes another file: the bytes of {path.name} are not those exported.",
            "Export again, or delete the description and name the sizes.",
        )
    return sidecar
