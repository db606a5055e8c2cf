"""Weight files of the user's: their bytes enter the keys of the stages that read them."""

from __future__ import annotations

from gclbench.digest import unchanged_digest
from gclbench.errors import DataMissingError, UsageError
from gclbench.redaction import redacted_url
from gclbench.schema import Settings, Stage
from gclbench.user_paths import user_path


def weight_digests(stage: Stage, settings: Settings) -> dict[str, str]:
    """Return what a stage's weight files hold, by name: "weights", "checkpoint", ...

    SHA-256 of the bytes; `pretrain.weights` may be a URL, which stands for itself. Raises
    DataMissingError naming the setting whose file is not there or may not be read, UsageError for
    one left out.
    """
    return {name: _digest(*place) for name, place in weight_files(stage, settings).items()}


def weight_files(stage: Stage, settings: Settings) -> dict[str, tuple[str, str]]:
    """Return name -> (setting, path) of the files that `stage` reads; see `weight_digests`."""
    if stage is Stage.PRETRAIN:
        weights = settings.pretrain.weights
        if settings.pretrain.kind == "imagenet" and weights is not None:
            return {"weights": ("pretrain.weights", weights)}
    if stage is Stage.WARMUP and settings.warmup.method.name == "checkpoint":
        path = settings.warmup.checkpoint.path
        if path is None:
            raise UsageError(
                "warmup.method=checkpoint needs a file.", "Name it: warmup.checkpoint.path=FILE."
            )
        return {"checkpoint": ("warmup.checkpoint.path", path)}
    if stage is Stage.GAN:
        given: dict[str, str | None] = settings.gan.checkpoint.model_dump()
        return {
            name: (f"gan.checkpoint.{name}", path)
            for name, path in given.items()
            if path is not None
        }
    return {}


def _digest(setting: str, place: str) -> str:
    if setting == "pretrain.weights" and "://" in place:
        if redacted_url(place) != place:
            raise UsageError(
                f"{setting}={redacted_url(place)} holds a password, and settings are recorded.",
                f"Download the file, and set {setting} to it.",
            )
        return place
    path = user_path(place)
    try:
        if path.is_dir():
            raise DataMissingError(
                f"the weight file {place} is a folder.", f"Set {setting} to the file in it."
            )
        if not path.is_file():
            raise DataMissingError(
                f"the weight file {place} does not exist.", f"Set {setting} to an existing file."
            )
        return unchanged_digest(path)  # every cell of a study asks for the same file
    except OSError as error:
        raise DataMissingError(
            f"the weight file {place} cannot be read ({error.strerror}).",
            f"Give yourself the right to read it, or set {setting} to another file.",
        ) from error
