"""The base of every schema: frozen, and a key it does not know is an error."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def setting(
    default: Any, description: str, *, unit: str = "", symbol: str = "", unsaid: bool = False
) -> Any:
    """A field with its default and what `gclbench list settings` says of it.

    `description`: one line, true of the code that reads the value. `symbol` is the paper's: that
    of GCL+, in a warm-up's section its own paper's. None of this enters a key. `unsaid`: it came
    after runs were kept, and stays out of keys where it is the default.
    """
    extra: dict[str, Any] = {"unit": unit, "symbol": symbol, "unsaid": unsaid}
    return Field(default=default, description=description, json_schema_extra=extra)
