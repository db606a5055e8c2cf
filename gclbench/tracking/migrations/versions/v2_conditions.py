"""Version 2: a run says on what it ran, with which packages of the user's, and what it took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    for column in (
        sa.Column("cpu_model", sa.Text),
        sa.Column("instruction_set", sa.String(16)),
        sa.Column("threads", sa.Integer),
        sa.Column("device", sa.Text),
        sa.Column("engine", sa.String(32)),
        sa.Column("attempt", sa.Integer),
        sa.Column("packages_json", sa.Text),
        sa.Column("seconds", sa.Float),
        sa.Column("peak_memory_mb", sa.Float),
    ):
        op.add_column("runs", column)
