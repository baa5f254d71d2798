"""The table of runs: who waits, who trains, how it ended. SQLite in WAL mode, through SQLAlchemy."""

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import psutil
from sqlalchemy import (
    Boolean,
    Column,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.pool import NullPool

from engine.errors import NotFoundError, WorkspaceError
from engine.paths import Workspace

HEARTBEAT_SECONDS = 1.0
STALE_SECONDS = 60.0  # without a heartbeat for so long, a process is taken for hung
LAUNCH_SECONDS = 20.0  # a worker that has not claimed its run by then is started again


class Status(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        return self not in (Status.QUEUED, Status.RUNNING)


@dataclass(frozen=True)
class Run:
    """A row of the store. Times are UTC ISO 8601; step counts the units of the phase; seconds_left None: not known yet."""

    id: str
    name: str
    dataset_id: str
    dataset_name: str
    model_name: str
    slot: str
    status: Status
    phase: str
    step: int
    steps: int
    seconds_left: float | None
    memory_bytes: int | None
    created_at: str
    started_at: str | None
    ended_at: str | None
    heartbeat: float | None
    pid: int | None
    pid_started: float | None
    launched: float | None
    stop_requested: bool
    reason: str | None
    message: str | None
    action: str | None
    accuracy: float | None
    macro_f1: float | None

    @property
    def seconds(self) -> float | None:
        """From the start to the end, or to now; None before the start."""
        if not self.started_at:
            return None
        end = datetime.fromisoformat(self.ended_at) if self.ended_at else datetime.now(UTC)
        return (end - datetime.fromisoformat(self.started_at)).total_seconds()


runs = Table(
    "runs",
    MetaData(),
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("dataset_id", String, nullable=False),
    Column("dataset_name", String, nullable=False),
    Column("model_name", String, nullable=False),
    Column("slot", String, nullable=False),
    Column("status", String, nullable=False),
    Column("phase", String, nullable=False, default=""),
    Column("step", Integer, nullable=False, default=0),
    Column("steps", Integer, nullable=False, default=0),
    Column("seconds_left", Float),
    Column("memory_bytes", Integer),
    Column("created_at", String, nullable=False),
    Column("started_at", String),
    Column("ended_at", String),
    Column("heartbeat", Float),
    Column("pid", Integer),
    Column("pid_started", Float),
    Column("launched", Float),
    Column("stop_requested", Boolean, nullable=False, default=False),
    Column("reason", String),
    Column("message", String),
    Column("action", String),
    Column("accuracy", Float),
    Column("macro_f1", Float),
)


class Store:
    """All changes of a run's state go through here, each in one transaction."""

    def __init__(self, workspace: Workspace):
        path = workspace.database
        with _as_sentence():
            self.engine = _engine(path, path.stat().st_ino if path.exists() else None)
        self.reading = self.engine.execution_options(reading=True)

    def add(self, **values: object) -> Run:
        """Queue a run. An id that is there already stays as it is."""
        with suppress(IntegrityError), self._begin() as connection:
            connection.execute(insert(runs).values(created_at=now(), status=Status.QUEUED, **values))
        return self.get(str(values["id"]))

    def get(self, run_id: str) -> Run:
        """Raises NotFoundError when there is no such run."""
        with self._begin(self.reading) as connection:
            row = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().first()
        if row is None:
            raise NotFoundError(
                f"There is no run {run_id!r}.",
                "See which there are with the command runs, or on the Runs page.",
            )
        return _run(row)

    def all(self) -> list[Run]:
        """The newest first."""
        with self._begin(self.reading) as connection:
            rows = (
                connection.execute(select(runs).order_by(runs.c.created_at.desc(), runs.c.id))
                .mappings()
                .all()
            )
        return [_run(row) for row in rows]

    def claim(self, run_id: str, pid: int) -> bool:
        """Make a queued run ours, if it still waits and nothing else runs in its slot. True for exactly one caller."""
        busy = runs.alias()
        with self._begin() as connection:
            slot = select(runs.c.slot).where(runs.c.id == run_id).scalar_subquery()
            taken = exists().where(busy.c.status == Status.RUNNING, busy.c.slot == slot)
            changed = connection.execute(
                update(runs)
                .where(runs.c.id == run_id, runs.c.status == Status.QUEUED, ~taken)
                .values(
                    status=Status.RUNNING,
                    phase="starting",
                    started_at=now(),
                    heartbeat=clock(),
                    pid=pid,
                    pid_started=psutil.Process(pid).create_time(),
                )
            )
        return changed.rowcount == 1

    def next_to_launch(self) -> list[str]:
        """For each free slot the run that has waited longest, marked so that nobody else starts a worker for it as well."""
        launched = []
        with self._begin() as connection:
            waiting = connection.execute(
                select(runs.c.id, runs.c.slot)
                .where(runs.c.status == Status.QUEUED)
                .order_by(runs.c.created_at, runs.c.id)
            ).all()
            busy = set(connection.scalars(select(runs.c.slot).where(runs.c.status == Status.RUNNING)))
            for run_id, slot in waiting:
                if slot in busy:
                    continue
                busy.add(slot)
                recent = clock() - LAUNCH_SECONDS
                changed = connection.execute(
                    update(runs)
                    .where(runs.c.id == run_id, (runs.c.launched.is_(None)) | (runs.c.launched < recent))
                    .values(launched=clock())
                )
                launched += [run_id] * changed.rowcount
        return launched

    def beat(self, run_id: str, **progress: object) -> bool:
        """Say that the worker is alive, and how far. Returns whether it is asked to stop."""
        with self._begin() as connection:
            connection.execute(update(runs).where(runs.c.id == run_id).values(heartbeat=clock(), **progress))
            return bool(connection.scalar(select(runs.c.stop_requested).where(runs.c.id == run_id)))

    def request_stop(self, run_id: str) -> None:
        """A queued run stops at once, a running one when its worker sees the request."""
        with self._begin() as connection:
            connection.execute(
                update(runs)
                .where(runs.c.id == run_id, runs.c.status == Status.QUEUED)
                .values(
                    status=Status.STOPPED,
                    ended_at=now(),
                    reason="stopped",
                    message="Stopped before it began.",
                )
            )
            connection.execute(
                update(runs)
                .where(runs.c.id == run_id, runs.c.status == Status.RUNNING)
                .values(stop_requested=True)
            )

    def end(self, run_id: str, status: Status, pid: int | None, **values: object) -> bool:
        """Close a running run that belongs to process `pid`; a run that has ended already stays as it is."""
        with self._begin() as connection:
            changed = connection.execute(
                update(runs)
                .where(runs.c.id == run_id, runs.c.status == Status.RUNNING, runs.c.pid == pid)
                .values(status=status, ended_at=now(), seconds_left=None, **values)
            )
        return changed.rowcount == 1

    def remove(self, run_id: str) -> None:
        with self._begin() as connection:
            connection.execute(delete(runs).where(runs.c.id == run_id))

    @contextmanager
    def _begin(self, engine: Engine | None = None):
        with _as_sentence(), (engine or self.engine).begin() as connection:
            yield connection


@contextmanager
def _as_sentence():
    """What goes wrong with the database, said to a person."""
    try:
        yield
    except IntegrityError:
        raise
    except DatabaseError as error:
        raise WorkspaceError(
            f"The list of runs cannot be used: {error.orig}.",
            "Check that the disk is not full and the folder can be written to, then try again.",
        ) from error


@lru_cache(maxsize=8)
def _engine(path: Path, inode: int | None) -> Engine:
    """The database at `path` with its table, opened once per process; inode: tells a new file at an old path."""
    # NullPool: pages, workers and their threads each open a short connection; SQLite's own lock orders them.
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"timeout": 15})

    @event.listens_for(engine, "connect")
    def configure(connection, _):
        connection.isolation_level = None  # transactions are begun below
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    @event.listens_for(engine, "begin")
    def begin(connection):
        # Whoever may write takes the lock at once, so that two claims cannot interleave.
        connection.exec_driver_sql(
            "BEGIN" if connection.get_execution_options().get("reading") else "BEGIN IMMEDIATE"
        )

    runs.metadata.create_all(engine)
    return engine


def _run(row) -> Run:
    return Run(**{**row, "status": Status(row["status"])})


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def clock() -> float:
    """Seconds since 1970; compared between processes, so it cannot be a monotonic clock."""
    return datetime.now(UTC).timestamp()
