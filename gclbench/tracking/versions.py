"""The version of a store's tables: which one is found, and how it becomes the newest.

A column that is added later is a script of Alembic in `migrations/versions/`, run from here (there
is no `env.py`), and a line in `tables.py`; a script that was released is never edited. A store
made before the table `gclbench_version` existed is of version 1. Only writers bring a store up to
date. Optuna keeps trials in the same database, and its own version in `alembic_version`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, inspect, select, table
from sqlalchemy.engine import Inspector

from gclbench.errors import DataMissingError
from gclbench.tracking.tables import METADATA, columns_at

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

VERSION_TABLE = "gclbench_version"
NEWEST = 2
MIGRATIONS = Path(__file__).with_name("migrations")
_OPTUNA = {"studies", "trials", "version_info"}


def version_of(connection: Connection, name: str) -> int:
    """Return the version of a store's tables; 0 where there are none yet.

    Raises DataMissingError for a store of a newer program and for a database of something else,
    which it calls `name`.
    """
    found = inspect(connection)
    tables = set(found.get_table_names())
    if VERSION_TABLE in tables:
        written = connection.scalar(
            select(column("version_num")).select_from(table(VERSION_TABLE))
        )
        if written is not None:
            return _known(str(written), name)
    ours = set(METADATA.tables)
    if ours.isdisjoint(tables):
        _refuse_strangers(connection, tables, name)
        return 0
    _refuse_namesakes(found, tables, name)
    return 1


def load_scripts() -> ScriptDirectory:
    """Return the migrations; for before a transaction, in which everybody else waits."""
    import alembic.operations
    import alembic.runtime.migration  # noqa: F401  loaded here, used by `upgrade`
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(MIGRATIONS))
    scripts.get_heads()  # reads the files
    return scripts


def upgrade(connection: Connection, scripts: ScriptDirectory, name: str) -> None:
    """Make the tables, or bring them to the newest version, in the connection's transaction.

    Others who may do the same wait their turn outside. Raises what `version_of` raises.
    """
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    found = version_of(connection, name)
    if found == NEWEST:
        return
    context = MigrationContext.configure(
        connection,
        opts={
            "version_table": VERSION_TABLE,
            "fn": lambda heads, context: scripts._upgrade_revs(str(NEWEST), heads),
        },
    )
    if found and not context.get_current_heads():
        context.stamp(scripts, str(found))
    with Operations.context(context):
        context.run_migrations()


def _known(written: str, name: str) -> int:
    if written.isascii() and written.isdigit() and 0 < int(written) <= NEWEST:
        return int(written)
    raise DataMissingError(
        f"{name} is a store of version {written[:20]!r}, and this gclbench reads versions up to "
        f"{NEWEST}.",
        "Nothing was read. Use the gclbench that wrote it, or a newer one.",
    )


def _refuse_strangers(connection: Connection, tables: set[str], name: str) -> None:
    """A file of SQLite belongs to one program (and Optuna's trials); a server may be shared."""
    if connection.dialect.name == "sqlite" and tables and not tables >= _OPTUNA:
        raise _not_ours(tables, name)


def _refuse_namesakes(found: Inspector, tables: set[str], name: str) -> None:
    """Other programs have a table `runs` too: ours have the columns of version 1."""
    for each in METADATA.sorted_tables:
        here = found.get_columns(each.name) if each.name in tables else []
        if not {c.name for c in columns_at(each, 1)} <= {c["name"] for c in here}:
            raise _not_ours(tables, name)


def _not_ours(tables: set[str], name: str) -> DataMissingError:
    listed = ", ".join(sorted(tables)[:5])
    return DataMissingError(
        f"{name} is not a store of gclbench: it holds the tables of something else ({listed}).",
        "Name another by store=URL, or move that file away.",
    )
