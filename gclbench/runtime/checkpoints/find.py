"""From a run or a key to the trained node, and to its E_id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gclbench.digest import file_digest
from gclbench.errors import CheckpointError, DataMissingError, UnknownNameError, UsageError
from gclbench.networks.build import build_id_encoder
from gclbench.networks.id_encoder import IdEncoder
from gclbench.plan import ArtifactStore
from gclbench.schema import NodeRecord, Settings, Stage
from gclbench.study.catalog import at_hand
from gclbench.weight_files.own import read_own
from gclbench.weight_files.sound import refuse_unsound

ENCODER = "encoder.pt"
_KEY = re.compile(r"[0-9a-f]{6,64}")
_RUN = re.compile(r"[0-9a-f]{12}-[0-9a-f]{12}")


@dataclass(frozen=True)
class TrainedNode:
    """A finished node that holds E_id; `asked` is what was named, an evaluation perhaps."""

    record: NodeRecord
    folder: Path
    asked: NodeRecord

    @property
    def settings(self) -> Settings:
        """What the node was made with; sections that its stage does not read are defaults."""
        return Settings.model_validate(self.record.settings)

    def encoder(self) -> IdEncoder:
        """E_id, on the CPU.

        Raises CheckpointError for a file that is not what was committed, or weights that are not
        finite; DeviceError where memory is full.
        """
        path = self.folder / ENCODER
        again = f"Delete the folder {self.folder} and train it again."
        if not path.is_file() or file_digest(path) != self.record.files.get(ENCODER):
            raise CheckpointError(f"{path} is missing or damaged.", again)
        sizes = self.settings.network.id_encoder
        at_hand(sizes.component)
        encoder = build_id_encoder(sizes)
        state = read_own(path, again)
        refuse_unsound(state, path, "Training had broken down: name another node.")
        try:
            encoder.load_state_dict(state)
        except RuntimeError as error:  # of other shapes
            raise CheckpointError(f"{path} is of another network.", again) from error
        return encoder


def names_a_node(text: str) -> bool:
    """Whether a word looks like a key, the start of one, or a run's id."""
    return bool(_KEY.fullmatch(text) or _RUN.fullmatch(text))


def find_node(home: Path, store: str | None, text: str) -> TrainedNode:
    """Return the node of a run's id, a key, or the start of a key (6 characters or more).

    An evaluation stands for the encoder that it evaluated. Raises UsageError for another word,
    UnknownNameError for a run that the store does not have, DataMissingError where nothing of that
    name is finished in `home`, or the node has no E_id.
    """
    if not names_a_node(text):
        raise UsageError(
            f"'{text}' is no key of a node and no id of a run.",
            "Take the first characters of a folder's name in HOME/artifacts/STAGE.",
        )
    artifacts = ArtifactStore(home)
    asked = artifacts.find(_key_of(home, store, text) if _RUN.fullmatch(text) else text)
    record = asked
    if asked.stage == Stage.EVALUATE.value:
        (stage,) = asked.parents
        if not (artifacts.folder(stage, asked.parents[stage]) / "manifest.json").is_file():
            raise DataMissingError(
                f"the encoder that {asked.label} evaluated is not in {home} any more.",
                "Run the study again; scores stay as they are.",
            )
        record = artifacts.find(asked.parents[stage])
    if ENCODER not in record.files:
        raise DataMissingError(
            f"{record.label} holds no E_id.", "Name a node of pretrain, warmup, gan or joint."
        )
    return TrainedNode(record, artifacts.folder(record.stage, record.key), asked)


def _key_of(home: Path, store: str | None, run: str) -> str:
    from gclbench.tracking.reader import Reader
    from gclbench.tracking.store import known_store

    opened = known_store(home, store)
    if opened is None:
        raise UnknownNameError("run", run, ())
    try:
        return Reader(opened).run(run).node_key
    finally:
        opened.close()
