"""How the table of runs came to its present shape: numbered steps, each carried out once, with a copy kept from before.

The number stands in the database itself (PRAGMA user_version).
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Engine, MetaData

from engine.errors import WorkspaceError
from engine.paths import changeable
from engine.processes import lives


def _one(connection: Connection) -> None:
    """Order and pause of the queue, attempts, requests to a running worker, overall progress, the trash."""
    columns = {row[1] for row in connection.exec_driver_sql("PRAGMA table_info(runs)")}
    for pid, started in connection.exec_driver_sql("SELECT pid, pid_started FROM runs WHERE status = 'running'"):
        if lives(pid, started):
            raise WorkspaceError(
                "This workspace is from an older Tuneboard, which is still training in it.",
                "Wait until that training has ended, or stop it there, then try again.",
                "older_at_work",
            )
    for name, kind in (
        ("position", "FLOAT NOT NULL DEFAULT 0"),
        ("process", "VARCHAR"),
        ("place", "INTEGER"),
        ("attempt", "INTEGER NOT NULL DEFAULT 0"),
        ("launches", "INTEGER NOT NULL DEFAULT 0"),
        ("request", "VARCHAR"),
        ("requested", "FLOAT"),
        ("share", "FLOAT"),
        ("seconds_before", "FLOAT NOT NULL DEFAULT 0"),
        ("deleted_at", "VARCHAR"),
    ):
        if name not in columns:
            connection.exec_driver_sql(f"ALTER TABLE runs ADD COLUMN {name} {kind}")
    connection.exec_driver_sql("UPDATE runs SET attempt = 1 WHERE started_at IS NOT NULL")
    for name in ("pid_started", "stop_requested"):
        connection.exec_driver_sql(f"ALTER TABLE runs DROP COLUMN {name}")
    connection.exec_driver_sql("CREATE TABLE queue (paused BOOLEAN NOT NULL)")


STEPS = [_one]  # STEPS[i] leads from version i to version i + 1
VERSION = len(STEPS)


def migrate(engine: Engine, path: Path, tables: MetaData) -> None:
    """Bring the database at `path` to VERSION.

    Raises WorkspaceError for one that a newer program made, and for an older one where nothing may be changed.
    """
    with engine.execution_options(reading=True).begin() as connection:
        if _format(connection) == VERSION:
            return  # the usual case, which must not wait for a lock
    with engine.begin() as connection:
        found = _format(connection)
        known = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").all()
        if found > VERSION:
            raise WorkspaceError(
                f"This workspace was last used by a newer Tuneboard (its list of runs has the format {found}; this program "
                f"knows formats up to {VERSION}). Nothing in it was changed.",
                "Open it with the newer version, or choose another folder with --workspace.",
                "newer_workspace",
            )
        if found < VERSION:
            if known:
                _may_migrate()
                _keep_copy(path, found)
                for step in STEPS[found:]:
                    step(connection)
            else:
                tables.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


def _may_migrate() -> None:
    if not changeable():
        raise WorkspaceError(
            "This workspace is from an older Tuneboard: its list of runs must be updated, but this Tuneboard is view-only.",
            "Open it once without TUNEBOARD_READ_ONLY.",
            "older_workspace",
        )


def _format(connection: Connection) -> int:
    return connection.exec_driver_sql("PRAGMA user_version").scalar()


def _keep_copy(path: Path, version: int) -> None:
    """The database as it is, beside itself; through SQLite's own backup, since a plain copy lacks what is in the WAL."""
    copy = path.with_name(f"{path.stem}-format-{version}.db")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
