"""Where the store of a results folder lies; nothing is opened."""

from __future__ import annotations

from pathlib import Path

STORE_FILE = "store.db"


def store_url(home: Path, chosen: str | None = None) -> str:
    """Return the URL of a results folder's store: the one that was chosen, else its own file."""
    return chosen or f"sqlite:///{home.resolve() / STORE_FILE}"
