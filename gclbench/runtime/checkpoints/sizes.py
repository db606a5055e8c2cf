"""Do the sizes of the settings suit a file, and if not, which words would?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gclbench.content import Content, resolve_settings
from gclbench.content_folders import DEFAULT_PROFILE
from gclbench.errors import CheckpointError
from gclbench.networks.contents import Contents
from gclbench.networks.layouts import sizes_of
from gclbench.schema import Settings
from gclbench.schema.settings import IdEncoderSettings

_FIELDS = ("depth", "width", "embedding_dim")


@dataclass(frozen=True)
class Sizes:
    """The settings to read a file with; `profiles` are all there are, to name one that fits.

    `given` says whether the user asked for a profile or a setting.
    """

    settings: Settings
    profiles: Mapping[str, Settings]
    given: bool = False

    def words_for(self, wanted: IdEncoderSettings) -> str:
        """The words of a command line with which E_id has these sizes."""
        return " ".join(_words(wanted, self.profiles))

    def check(self, file: Path, contents: Contents) -> None:
        """Raise CheckpointError, which names the sizes, when the file was made with others."""
        wanted = sizes_of(contents.layout, contents.tensors)
        if wanted is None:
            return
        own = self.settings.network.id_encoder
        if differences(wanted, own):
            raise CheckpointError(
                f"{file} holds {_title(wanted)}, the settings say {_title(own)}.",
                f"Add: {self.words_for(wanted)}",
            )


def sizes_for(content: Content, profile: str | None, overrides: Mapping[str, Any]) -> Sizes:
    """The sizes of a profile and settings (dotted names), and those of every profile there is.

    Raises UnknownNameError, OverrideError.
    """
    profiles = {
        name: resolve_settings(content.profile(name), None, None, None)
        for name in content.names("profiles")
    }
    chosen = content.profile(profile or DEFAULT_PROFILE)
    settings = resolve_settings(chosen, None, None, None, overrides)
    return Sizes(settings, profiles, given=profile is not None or bool(overrides))


def differences(wanted: IdEncoderSettings, own: IdEncoderSettings) -> dict[str, Any]:
    """The sizes of a file that are not those of the settings; what it does not say is left out."""
    said = [name for name in _FIELDS if name in wanted.model_fields_set]
    return {
        name: getattr(wanted, name) for name in said if getattr(wanted, name) != getattr(own, name)
    }


def _words(wanted: IdEncoderSettings, profiles: Mapping[str, Settings]) -> list[str]:
    """The profile that comes nearest, then what still differs."""
    found: tuple[list[str], dict[str, Any]] = ([], differences(wanted, IdEncoderSettings()))
    for name, settings in profiles.items():
        left = differences(wanted, settings.network.id_encoder)
        if not {"depth", "width"} & left.keys() and (not found[0] or len(left) < len(found[1])):
            found = [f"profile={name}"], left
    if not found[0]:
        found = [], {name: getattr(wanted, name) for name in _FIELDS}
    return found[0] + [f"network.id_encoder.{name}={value}" for name, value in found[1].items()]


def _title(sizes: IdEncoderSettings) -> str:
    head = f", {sizes.embedding_dim} features" if "embedding_dim" in sizes.model_fields_set else ""
    return f"a {sizes.depth} of width {sizes.width}{head}"
