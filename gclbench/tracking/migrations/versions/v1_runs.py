"""Version 1: runs, metrics, artifacts and requests, as stores had them before versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None


def upgrade() -> None:
    _runs()
    _metrics()
    _artifacts()
    _requests()


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("node_key", sa.String(64), nullable=False),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("started", sa.String(32), nullable=False),
        sa.Column("heartbeat", sa.String(32)),
        sa.Column("stopped", sa.String(32)),
        sa.Column("config_json", sa.Text, nullable=False),
        sa.Column("host_json", sa.Text, nullable=False),
        sa.Column("versions_json", sa.Text, nullable=False),
        sa.Column("git_json", sa.Text, nullable=False),
        sa.Column("result_json", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("output", sa.Text),
    )
    op.create_index("ix_runs_node_key", "runs", ["node_key"])


def _metrics() -> None:
    op.create_table(
        "metrics",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("value", sa.Float),
        sa.Column("time", sa.String(32), nullable=False),
    )
    op.create_index("metrics_of_run", "metrics", ["run_id", "name", "step"])


def _artifacts() -> None:
    op.create_table(
        "artifacts",
        sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
    )


def _requests() -> None:
    place = ("study", "profile", "overrides_sha256", "seed", "row", "task")
    op.create_table(
        "requests",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("study", sa.String(128), nullable=False),
        sa.Column("profile", sa.String(128), nullable=False),
        sa.Column("overrides_json", sa.Text, nullable=False),
        sa.Column("overrides_sha256", sa.String(64), nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("row", sa.String(128), nullable=False),
        sa.Column("task", sa.String(128), nullable=False),
        sa.Column("node_key", sa.String(64), nullable=False),
        sa.Column("time", sa.String(32), nullable=False),
        sa.UniqueConstraint(*place, name="one_request"),
    )
