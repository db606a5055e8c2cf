"""What `identities` can be told; apart from it, so that a plan reads it without torch."""

from __future__ import annotations

from pydantic import Field

from gclbench.schema.model import Model


class IdentitiesParameters(Model):
    images: int = Field(default=4, ge=2, description="images of one pseudo identity in a batch")
