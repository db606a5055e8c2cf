"""The manifest of an artifact: its record, and a digest by which a change of it is noticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gclbench.digest import digest
from gclbench.errors import DamagedResultError
from gclbench.plan.node import node_key
from gclbench.schema import NodeRecord, Stage

MANIFEST = "manifest.json"
OWN_DIGEST = "manifest_sha256"
AGAIN = "Run the study again: what is damaged is set aside and made anew."


def write_manifest(record: NodeRecord) -> bytes:
    """Return the manifest's bytes: the record as JSON, and `manifest_sha256` of all the rest."""
    content = record.model_dump(mode="json")
    content[OWN_DIGEST] = digest(content)
    return json.dumps(content, indent=1, sort_keys=True).encode()


def read_manifest(path: Path) -> NodeRecord:
    """Read the manifest of the artifact whose folder it lies in: `.../STAGE/KEY/manifest.json`.

    Raises DamagedResultError for one that cannot be read, was changed, or is another artifact's.
    One from before manifests had a digest must have the settings, parents, data and revisions that
    make its key; a change of its metrics or hashes cannot be noticed.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        written = content.pop(OWN_DIGEST, None)
        changed = written is not None and written != digest(content)
        record = NodeRecord.model_validate_json(json.dumps(content))
    except (OSError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise _damaged(path, "cannot be read") from error
    if changed:
        raise _damaged(path, "was changed after it was written")
    place = path.parent
    if (record.stage, record.key) != (place.parent.name, place.name):
        raise _damaged(path, f"speaks of another artifact ({record.stage} {record.key[:12]})")
    if written is None and not makes_its_key(record):
        raise _damaged(path, "has settings that do not make its key")
    return record


def makes_its_key(record: NodeRecord) -> bool:
    """Whether stage, seed, settings, parents, data and revisions are those of the key."""
    try:
        key = node_key(
            Stage(record.stage), record.seed, record.settings, record.parents, record.datasets,
            record.components,
        )  # fmt: skip
    except (TypeError, ValueError, RecursionError):
        return False
    return key == record.key


def _damaged(path: Path, why: str) -> DamagedResultError:
    return DamagedResultError(f"{path} {why}.", AGAIN)
