"""The thread that shows that a run is alive goes on and ends its process, whatever fails."""

import os
import threading
import time

import pytest

from engine.runs import ending, pulse
from engine.runs.events import EventLog
from engine.runs.pulse import Pulse
from engine.runs.store import Request, Status, Store


@pytest.fixture
def beating(workspace, monkeypatch):
    """A pulse that beats a hundred times a second."""
    monkeypatch.setattr(pulse, "HEARTBEAT_SECONDS", 0.01)
    store = Store(workspace)
    store.add(id="aaaaaa", name="n", dataset_id="d", dataset_name="d", model_name="m", slot="cpu")
    store.claim("aaaaaa", os.getpid())
    workspace.run("aaaaaa").folder.mkdir(parents=True)
    with EventLog(workspace.run("aaaaaa").events) as events, Pulse(workspace, "aaaaaa", events) as made:
        yield made


def test_a_beat_that_fails_is_followed_by_others(beating, monkeypatch, capsys):
    beats, beat = [], beating.store.beat

    def fails_once(*given, **figures):
        beats.append(given)
        if len(beats) == 1:
            raise RuntimeError("what nobody foresaw")
        return beat(*given, **figures)

    monkeypatch.setattr(beating.store, "beat", fails_once)
    end = time.monotonic() + 5
    while len(beats) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    assert len(beats) >= 3
    assert "what nobody foresaw" in capsys.readouterr().err


def test_what_is_asked_while_the_work_is_told_to_go_on_is_not_taken_for_answered():
    class Asked(Pulse):
        asked = iter([None, *[Request.PAUSE] * 9])  # between one look and the next
        request = property(lambda self: next(self.asked))

    heard = Asked.__new__(Asked)
    assert not heard.should_stop() and heard.answered is None
    assert heard.should_stop() and heard.answered == Request.PAUSE


def test_the_process_ends_even_if_the_run_cannot_be_closed(beating, monkeypatch):
    gone = threading.Event()
    monkeypatch.setattr(pulse, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(pulse.os, "_exit", lambda code: gone.set())
    monkeypatch.setattr(ending, "by_force", lambda *_: (_ for _ in ()).throw(OSError("the store is gone")))
    beating.store.request("aaaaaa", Request.PAUSE)
    assert gone.wait(5)


@pytest.mark.parametrize(("attempt", "ends"), [(1, Status.QUEUED), (2, Status.STOPPED)])
def test_a_model_whose_making_stands_still_is_made_anew_once_for_whoever_asked_to_stop(
    beating, workspace, monkeypatch, attempt, ends
):
    gone = threading.Event()
    monkeypatch.setattr(pulse, "STILL_SECONDS", 0.05)
    monkeypatch.setattr(pulse.os, "_exit", lambda code: gone.set())
    states = workspace.run("aaaaaa").checkpoints
    states.mkdir()
    (states / "000000007-0001.json").write_text("{}")
    beating.makes_model, beating.begun_to_end = True, attempt == 2
    beating.store.request("aaaaaa", Request.STOP)
    assert gone.wait(20)
    run = beating.store.get("aaaaaa")
    assert run.status == ends
    assert run.request == (Request.STOP if attempt == 1 else None)
    assert attempt == 1 or "step 7" in run.message


def test_a_model_that_is_made_is_not_waited_for_once_it_is_asked_to_stop_again(beating, monkeypatch):
    gone = threading.Event()
    monkeypatch.setattr(pulse, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(pulse.os, "_exit", lambda code: gone.set())
    beating.makes_model = True
    beating.store.request("aaaaaa", Request.STOP)
    while beating.store.get("aaaaaa").requested:
        time.sleep(0.01)
    assert not gone.is_set()
    beating.store.request("aaaaaa", Request.STOP)
    assert gone.wait(20)
    assert beating.store.get("aaaaaa").status == Status.STOPPED
