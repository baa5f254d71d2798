"""The table of runs: who waits, who trains, how it ended. SQLite in WAL mode, through SQLAlchemy."""

import sqlite3
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import (
    URL,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    case,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.pool import NullPool

from engine import machine
from engine.errors import WorkspaceError
from engine.paths import Workspace, changeable, no_such
from engine.processes import identity
from engine.runs.migrations import migrate

HEARTBEAT_SECONDS = 1.0
STALE_SECONDS = 60.0  # without a heartbeat for so long, a process is taken for hung
LAUNCH_SECONDS = 20.0  # a worker that has not claimed its run by then is started again, unless it is still coming up
COMING_UP_SECONDS = 600.0  # for longer no worker takes, however slow the machine
MOST_LAUNCHES = 3
LOCK_SECONDS = 10


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


class Request(StrEnum):
    """What a person asks of a run that waits or trains."""

    STOP = "stop"  # keep the best round so far, and make a model of it
    DISCARD = "discard"  # end without a model
    PAUSE = "pause"  # end, to go on later


class Run(NamedTuple):
    """A row of the store. Times are UTC ISO 8601; step counts the units of the phase; seconds_left None: not known yet.

    position: the place in the queue, the smallest first. slot: the kind of device; place: which of them. pid, process: its
    worker, or the one that was started last for it, and what tells that from any other process. attempt: how often it was
    begun or resumed. requested: when `request` was made, in seconds since 1970. share: how much of the whole work is done, 0
    to 1. seconds_before: worked in earlier attempts.
    """

    id: str
    name: str
    dataset_id: str
    dataset_name: str
    model_name: str
    slot: str
    place: int | None
    position: float
    status: Status
    phase: str
    step: int
    steps: int
    share: float | None
    seconds_left: float | None
    seconds_before: float
    memory_bytes: int | None
    created_at: str
    started_at: str | None
    ended_at: str | None
    deleted_at: str | None
    heartbeat: float | None
    pid: int | None
    process: str | None
    attempt: int
    launched: float | None
    launches: int
    request: Request | None
    requested: float | None
    reason: str | None
    message: str | None
    action: str | None
    accuracy: float | None
    macro_f1: float | None

    @property
    def seconds(self) -> float | None:
        """Worked so far, in all attempts; None before the first."""
        if not self.started_at:
            return self.seconds_before or None
        end = datetime.fromisoformat(self.ended_at) if self.ended_at else datetime.now(UTC)
        # A clock that was set back would make it negative.
        return self.seconds_before + max(0.0, (end - datetime.fromisoformat(self.started_at)).total_seconds())

    @property
    def imported(self) -> bool:
        """Whether its model came from elsewhere: it is finished, and never began."""
        return self.status == Status.FINISHED and not self.started_at

    @property
    def paused(self) -> bool:
        return self.status == Status.STOPPED and self.reason == "paused"


tables = MetaData()
runs = Table(
    "runs",
    tables,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("dataset_id", String, nullable=False),
    Column("dataset_name", String, nullable=False),
    Column("model_name", String, nullable=False),
    Column("slot", String, nullable=False),
    Column("place", Integer),
    Column("position", Float, nullable=False, default=0.0),
    Column("status", String, nullable=False),
    Column("phase", String, nullable=False, default=""),
    Column("step", Integer, nullable=False, default=0),
    Column("steps", Integer, nullable=False, default=0),
    Column("share", Float),
    Column("seconds_left", Float),
    Column("seconds_before", Float, nullable=False, default=0.0),
    Column("memory_bytes", Integer),
    Column("created_at", String, nullable=False),
    Column("started_at", String),
    Column("ended_at", String),
    Column("deleted_at", String),
    Column("heartbeat", Float),
    Column("pid", Integer),
    Column("process", String),
    Column("attempt", Integer, nullable=False, default=0),
    Column("launched", Float),
    Column("launches", Integer, nullable=False, default=0),
    Column("request", String),
    Column("requested", Float),
    Column("reason", String),
    Column("message", String),
    Column("action", String),
    Column("accuracy", Float),
    Column("macro_f1", Float),
)
ENDED = runs.c.status.not_in([Status.QUEUED, Status.RUNNING])
queue = Table("queue", tables, Column("paused", Boolean, nullable=False))  # one row, or none: not paused
OUT_OF_THE_QUEUE = "Taken out of the queue."
COULD_NOT_START = {
    "reason": "could_not_start",
    "message": f"The training process was started {MOST_LAUNCHES} times, but never began to train.",
    "action": "Look at the log for what it said; then resume the run.",
}


class Store:
    """All changes of a run's state go through here, each in one transaction."""

    def __init__(self, workspace: Workspace):
        path = workspace.database
        with _as_sentence():
            inode = path.stat().st_ino if path.exists() else None
            self.engine = _engine(path, inode, workspace.writable)
        self.reading = self.engine.execution_options(reading=True)

    def add(self, **values: object) -> Run:
        """Queue a run, as the last one, or keep one that has ended. An id that is there already stays as it is."""
        with suppress(IntegrityError), self._begin() as connection:
            last = connection.scalar(select(func.max(runs.c.position))) or 0.0
            connection.execute(
                insert(runs).values(**{"created_at": now(), "status": Status.QUEUED, "position": last + 1, **values})
            )
        return self.get(str(values["id"]))

    def get(self, run_id: str) -> Run:
        """Raises NotFoundError when there is no such run."""
        with self._begin(self.reading) as connection:
            row = connection.execute(select(runs).where(runs.c.id == run_id)).first()
        if row is None:
            raise no_such("run", run_id)
        return _run(row)

    def all(self, deleted: bool = False) -> list[Run]:
        """The newest first; or those in the trash, the last deleted first."""
        wanted = select(runs).where(runs.c.deleted_at.is_not(None) if deleted else runs.c.deleted_at.is_(None))
        order = runs.c.deleted_at.desc() if deleted else runs.c.created_at.desc()
        with self._begin(self.reading) as connection:
            rows = connection.execute(wanted.order_by(order, runs.c.id)).all()
        return [_run(row) for row in rows]

    def live(self) -> list[Run]:
        """What waits or trains."""
        wanted = select(runs).where(runs.c.status.in_([Status.QUEUED, Status.RUNNING]))
        with self._begin(self.reading) as connection:
            return [_run(row) for row in connection.execute(wanted).all()]

    def waiting(self) -> list[Run]:
        """Queued runs, the next one first."""
        with self._begin(self.reading) as connection:
            rows = connection.execute(_waiting()).all()
        return [_run(row) for row in rows]

    def claim(self, run_id: str, pid: int) -> bool:
        """Make a queued run ours, if it still waits and a device is free for it. True for exactly one caller."""
        with self._begin() as connection:
            slot = connection.scalar(select(runs.c.slot).where(runs.c.id == run_id, runs.c.status == Status.QUEUED))
            free = _free_places(connection, slot) if slot else []
            if not free:
                return False
            connection.execute(
                update(runs)
                .where(runs.c.id == run_id)
                .values(
                    status=Status.RUNNING,
                    phase="starting",
                    started_at=now(),
                    heartbeat=clock(),
                    pid=pid,
                    process=identity(pid),
                    place=free[0],
                    attempt=runs.c.attempt + 1,
                )
            )
        return True

    def next_to_launch(self) -> list[str]:
        """For each free device the run that is next, marked so that nobody else starts a worker for it as well.

        A run whose worker died several times before it could claim it fails here.
        """
        launched: list[str] = []
        if not self._has_work():
            return launched
        with self._begin() as connection:
            free: dict[str, int] = {}
            for run in _may_begin(connection):
                places = free.setdefault(run.slot, len(_free_places(connection, run.slot)))
                if not places:
                    continue
                free[run.slot] -= 1
                if _comes_up(run):
                    continue
                if run.launches >= MOST_LAUNCHES:
                    values = {"status": Status.FAILED, "ended_at": now(), **COULD_NOT_START}
                else:
                    values = {"launched": clock(), "launches": run.launches + 1}
                    launched.append(run.id)
                connection.execute(update(runs).where(runs.c.id == run.id).values(**values))
        return launched

    def launched(self, run_id: str, pid: int) -> None:
        """Note which process was started for a run, which it may have claimed already."""
        with self._begin() as connection:
            waits = (runs.c.id == run_id, runs.c.status == Status.QUEUED)
            connection.execute(update(runs).where(*waits).values(pid=pid, process=identity(pid)))

    def _has_work(self) -> bool:
        """Whether a device is free for something that waits; asked first, since only looking never has to wait."""
        with self._begin(self.reading) as connection:
            return any(_free_places(connection, run.slot) for run in _may_begin(connection))

    def beat(
        self, run_id: str, pid: int, answered: Request | None = None, **progress: object
    ) -> tuple[bool, Request | None]:
        """Say that worker `pid` is alive, and how far. Returns whether the run is still its own, and what it is asked.

        answered: the request that it follows already, so that nobody ends it for not answering.
        """
        ours = (runs.c.id == run_id, runs.c.status == Status.RUNNING, runs.c.pid == pid)
        with self._begin() as connection:
            connection.execute(update(runs).where(*ours).values(heartbeat=clock(), **progress))
            if answered:
                connection.execute(update(runs).where(*ours, runs.c.request == answered).values(requested=None))
            row = connection.execute(select(runs.c.request).where(*ours)).first()
        return row is not None, Request(row.request) if row and row.request else None

    def request(self, run_id: str, what: Request) -> None:
        """Ask something of a run that trains; one that only waits leaves the queue at once.

        Asked to stop once more, when it makes its model already, it ends without one.
        """
        with self._begin() as connection:
            connection.execute(
                update(runs)
                .where(runs.c.id == run_id, runs.c.status == Status.QUEUED)
                .values(
                    status=Status.STOPPED,
                    ended_at=now(),
                    reason="paused" if what == Request.PAUSE else "stopped",
                    message=OUT_OF_THE_QUEUE,
                )
            )
            heard = (runs.c.request == Request.STOP) & runs.c.requested.is_(None)
            if what == Request.STOP:
                what = case((heard | (runs.c.request == Request.DISCARD), Request.DISCARD), else_=what)
            # A second request replaces the first, but not its time: nobody waits longer for asking twice.
            connection.execute(
                update(runs)
                .where(runs.c.id == run_id, runs.c.status == Status.RUNNING)
                .values(request=what, requested=func.coalesce(runs.c.requested, clock()))
            )

    def cancel(self, run_id: str) -> bool:
        """Take a run out of the queue. Returns whether it still waited."""
        with self._begin() as connection:
            changed = connection.execute(
                update(runs)
                .where(runs.c.id == run_id, runs.c.status == Status.QUEUED)
                .values(
                    status=Status.STOPPED,
                    ended_at=now(),
                    request=None,
                    reason="stopped",
                    message=OUT_OF_THE_QUEUE,
                )
            )
        return changed.rowcount == 1

    def end(self, run_id: str, status: Status, pid: int | None, **values: object) -> bool:
        """Close a running run that belongs to process `pid`; a run that has ended already stays as it is."""
        with self._begin() as connection:
            changed = connection.execute(
                update(runs)
                .where(runs.c.id == run_id, runs.c.status == Status.RUNNING, runs.c.pid == pid)
                .values(status=status, ended_at=now(), seconds_left=None, request=None, requested=None, **values)
            )
        return changed.rowcount == 1

    def queue_again(self, run: Run, *, first: bool = False, request: Request | None = None) -> bool:
        """Let a run that `run` shows as ended, or as held by a worker that was ended, wait for its next attempt.

        Returns whether it does: it may have been resumed, or deleted, meanwhile.
        """
        with self._begin() as connection:
            order = func.min(runs.c.position) - 1 if first else func.max(runs.c.position) + 1
            position = connection.scalar(select(order))
            changed = connection.execute(
                update(runs)
                .where(
                    runs.c.id == run.id,
                    runs.c.status == run.status,
                    runs.c.attempt == run.attempt,
                    runs.c.deleted_at.is_(None),
                )
                .values(
                    status=Status.QUEUED,
                    position=position,
                    seconds_before=run.seconds or 0.0,
                    request=request,
                    requested=None,
                    launches=0,
                    phase="",
                    step=0,
                    steps=0,
                    share=None,
                    **dict.fromkeys(("started_at", "ended_at", "launched", "seconds_left", "reason", "message", "action")),
                )
            )
        return changed.rowcount == 1

    def move(self, run_id: str, to: str) -> None:
        """Move a waiting run in the queue. to: 'first', 'up', 'down' or 'last'."""
        with self._begin() as connection:
            order = [run.id for run in map(_run, connection.execute(_waiting()).all())]
            if run_id not in order:
                return
            place = order.index(run_id)
            order.remove(run_id)
            order.insert({"first": 0, "up": max(0, place - 1), "down": place + 1, "last": len(order)}[to], run_id)
            for position, one in enumerate(order, start=1):
                connection.execute(update(runs).where(runs.c.id == one).values(position=float(position)))

    def pause_queue(self, paused: bool) -> None:
        """While it is paused no waiting run begins; one that trains goes on."""
        with self._begin() as connection:
            connection.execute(delete(queue))
            connection.execute(insert(queue).values(paused=paused))

    def queue_paused(self) -> bool:
        with self._begin(self.reading) as connection:
            return bool(connection.scalar(select(queue.c.paused)))

    def change(self, run_id: str, **values: object) -> None:
        """Set some columns of a run that nobody works on."""
        with self._begin() as connection:
            connection.execute(update(runs).where(runs.c.id == run_id).values(**values))

    def say(self, run_id: str, message: str) -> None:
        """Let a run that has ended tell something else about its ending."""
        with self._begin() as connection:
            connection.execute(update(runs).where(runs.c.id == run_id, runs.c.ended_at.is_not(None)).values(message=message))

    def trash(self, run_id: str) -> bool:
        """Hide a run that has ended. Returns whether it did: it may have been resumed."""
        with self._begin() as connection:
            hidden = connection.execute(update(runs).where(runs.c.id == run_id, ENDED).values(deleted_at=now()))
        return hidden.rowcount == 1

    def restore(self, run_id: str) -> None:
        """Show a hidden run again."""
        self.change(run_id, deleted_at=None)

    def remove(self, run_id: str, before: datetime) -> bool:
        """Forget a run that lies in the trash since `before`. Returns whether it did: it may have been taken out."""
        lies_there = (runs.c.id == run_id, runs.c.deleted_at <= _written(before), ENDED)
        with self._begin() as connection:
            gone = connection.execute(delete(runs).where(*lies_there))
        return gone.rowcount == 1

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
        raise WorkspaceError(*_said(str(error.orig), getattr(error.orig, "sqlite_errorname", ""))) from error


def _said(error: str, name: str) -> tuple[str, str, str]:
    """What SQLite says, for a person: message, action, code. name: of the error, such as SQLITE_FULL."""
    if "locked" in error:
        return (
            f"The list of runs is held by another program (for more than {LOCK_SECONDS} seconds).",
            "Close what has tuneboard.db open, such as a database viewer or a backup, then try again.",
            "store_locked",
        )
    if "full" in error or name == "SQLITE_IOERR_SHMSIZE":  # there is no place for its side file
        return (
            "The disk is full: the list of runs cannot be written.",
            "Make room, then try again.",
            "disk_full",
        )
    if "disk I/O" in error:
        return (
            "The list of runs cannot be used: its disk fails to read or to write.",
            "See whether the disk is connected and in order, then try again.",
            "disk_error",
        )
    if "readonly" in error or "read-only" in error or "unable to open" in error:
        return (
            "The list of runs cannot be written: the workspace is read-only.",
            "Give this user the right to write there, or choose another folder with --workspace.",
            "read_only",
        )
    return (
        f"The list of runs cannot be used: {error}.",
        "Check that the disk is not full and the folder can be written to, then try again.",
        "workspace",
    )


@lru_cache(maxsize=8)
def _engine(path: Path, inode: int | None, writable: bool) -> Engine:
    """The database at `path` with its tables, opened once per process; inode: tells a new file at an old path."""
    # NullPool: pages, workers and their threads each open a short connection; SQLite's own lock orders them.
    url = URL.create("sqlite", database=str(path))
    connecting = {"connect_args": {"timeout": LOCK_SECONDS}} if writable else {"creator": lambda: _looking(path)}
    engine = create_engine(url, poolclass=NullPool, **connecting)

    @event.listens_for(engine, "connect")
    def configure(connection, _):
        connection.isolation_level = None  # transactions are begun below
        if not (writable and changeable()):
            return
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    @event.listens_for(engine, "begin")
    def begin(connection):
        # Whoever may write takes the lock at once, so that two claims cannot interleave.
        connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("reading") else "BEGIN IMMEDIATE")

    migrate(engine, path, tables)
    return engine


def _looking(path: Path) -> sqlite3.Connection:
    """A connection to a database that we may not write: beside whoever does, as in a workspace of somebody else.

    While nobody has it open its side files are not there, and SQLite cannot make them; then it is read as it lies.
    """
    address = f"file:{quote(str(path))}?mode=ro"
    with suppress(sqlite3.OperationalError):
        connection = sqlite3.connect(address, timeout=LOCK_SECONDS, uri=True)
        connection.execute("PRAGMA schema_version")
        return connection
    return sqlite3.connect(f"{address}&immutable=1", uri=True)


def _waiting():
    """All that waits, in the order of the queue."""
    return select(runs).where(runs.c.status == Status.QUEUED).order_by(runs.c.position, runs.c.created_at, runs.c.id)


def _may_begin(connection: Connection) -> list[Run]:
    """What waits and may begin, the next one first. While the queue is paused only what was stopped may end."""
    found = [_run(row) for row in connection.execute(_waiting()).all()]
    if not connection.scalar(select(queue.c.paused)):
        return found
    return [run for run in found if run.request == Request.STOP]


def _comes_up(run: Run) -> bool:
    """Whether the worker that was started for a waiting run may still claim it."""
    since = clock() - (run.launched or 0.0)
    lives = run.process is not None and identity(run.pid) == run.process
    return 0 <= since < (COMING_UP_SECONDS if lives else LAUNCH_SECONDS)


def _free_places(connection: Connection, slot: str) -> list[int]:
    """Which devices of this kind have nothing to do."""
    busy = set(connection.scalars(select(runs.c.place).where(runs.c.status == Status.RUNNING, runs.c.slot == slot)))
    return [place for place in range(machine.places(slot)) if place not in busy]


def _run(row) -> Run:
    run = Run._make(row)  # the columns in their order; by name, 500 runs took 20 ms of every page
    return run._replace(status=Status(run.status), request=Request(run.request) if run.request else None)


def now() -> str:
    return _written(datetime.now(UTC))


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def clock() -> float:
    """Seconds since 1970; compared between processes, so it cannot be a monotonic clock."""
    return datetime.now(UTC).timestamp()
