"""A search for good settings: what is tried, what is given up, and that it goes on whatever dies."""

import os
import shutil
import signal
import time
from itertools import count

import pytest

from engine.errors import RunStateError, SettingsError, WorkspaceError
from engine.paths import read_json, write_json
from engine.runs import measurements, queue
from engine.runs.store import Status, Store
from engine.settings import TrainingConfig
from engine.studies import progress, records, search
from engine.studies.progress import Progress, Trial
from engine.training.plan import plan
from tests.engine.runs.helpers import QUICK, wait
from tests.engine.runs.test_forecast import measured

FIELDS = list(search.FIELDS)


@pytest.fixture
def planned(workspace, easy, tiny_model, monkeypatch):
    """The test itself is the watcher: it takes the search from step to step."""
    monkeypatch.setattr(queue, "keep_watch", lambda workspace: None)
    return plan(workspace, easy, str(tiny_model), "quick")


def begin(workspace, easy, planned, seconds, **settings):
    return search.begin(workspace, easy, planned, planned.config(**{**QUICK, **settings}), seconds)


def until(workspace, study, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition(found := progress.read(workspace.study(study.id))):
        state = found, [(run.status, run.phase, run.message) for run in queue.list_runs(workspace)]
        assert time.monotonic() < end and found.status != "failed", state
        search.go_on(workspace)
        queue.look_after(workspace)
        time.sleep(0.05)
    return found


def test_a_killed_search_goes_on_with_the_trials_that_are_done(workspace, easy, planned):
    study = begin(workspace, easy, planned, 3600)
    until(workspace, study, lambda found: len(found.trials) == 2)
    run = wait(workspace, study.run_id(1), lambda run: run.status == Status.RUNNING)
    os.kill(run.pid, signal.SIGKILL)
    journal = workspace.study(study.id).trials
    with journal.open("ab") as file:
        file.write(b'{"op_code":6,"trial')  # the watcher died while it wrote

    found = until(workspace, study, lambda found: len(found.trials) == 3)
    first, second = found.trials[:2]
    assert (first.state, second.state) == ("complete", "complete")
    assert queue.get_run(workspace, second.run_id).attempt == 2
    assert first.values["learning_rate"] == QUICK["learning_rate"]  # it starts from what was asked
    assert first.values != second.values != found.trials[2].values
    config = queue.config_of(workspace, second.run_id)
    assert {field: getattr(config, field) for field in FIELDS} == second.values
    scored = read_json(workspace.run(first.run_id).metrics)
    assert first.score == scored["validation"]["macro_f1"]

    records.stop(workspace, study)
    wait(workspace, study.run_id(2))
    assert not search.go_on(workspace)
    assert progress.read(workspace.study(study.id)).trials[2].state == "pruned"  # it counts all the same
    assert len(queue.list_runs(workspace)) == 3
    search.resume(workspace, study)
    with pytest.raises(RunStateError, match="goes on already"):
        search.resume(workspace, study)
    found = until(workspace, study, lambda found: found.trials[2].state == "pruned" and len(found.trials) == 4)
    records.stop(workspace, study)
    wait(workspace, study.run_id(3))


def test_a_hopeless_trial_is_stopped_after_a_round_with_its_best_kept_and_says_why(workspace, easy, planned):
    study = begin(workspace, easy, planned, 3600, epochs=100)
    trials = search._trials(workspace, study)
    done = []
    for number in range(4):  # four that were better than anything can be
        values = trials.ask(number, search.NO_LIMIT)
        assert not trials.report(number, [2.0])
        trials.close(number, "complete", 2.0)
        done.append(Trial(number=number, run_id=study.run_id(number), values=values, state="complete", score=2.0))
    write_json(workspace.study(study.id).progress, Progress(seconds=3600, trials=done).model_dump())

    found = until(workspace, study, lambda found: any(one.state == "pruned" for one in found.trials))
    run = queue.get_run(workspace, found.trials[4].run_id)
    assert run.status == Status.STOPPED
    assert run.message.startswith("Stopped early: hopeless after epoch ") and "was kept" in run.message
    assert workspace.run(run.id).metrics.exists()
    assert found.best.number == 0
    records.stop(workspace, study)
    for trial in found.trials[5:]:
        wait(workspace, trial.run_id)


def test_no_trial_is_begun_that_would_not_fit_into_the_time_that_is_left(workspace, easy, planned):
    study = begin(workspace, easy, planned, 100, epochs=10)
    config = study.members[0].config
    kept = measured(
        loading=20.0, tokenizing=0.0, preparing=0.0, learning=8.0, checking=2.0, keeping=0.0, evaluating=0.0, saving=0.0
    )
    write_json(workspace.forecast(measurements.key(easy.id, config)), kept.model_dump())
    assert search.rounds_that_fit(workspace, study, Progress(seconds=100)) == 8
    assert search.rounds_that_fit(workspace, study, Progress(seconds=60)) == 4

    write_json(workspace.study(study.id).progress, Progress(seconds=60).model_dump())
    assert not search.go_on(workspace)
    ended = records.standing(workspace, study)
    assert ended.status == Status.FINISHED and "not enough for one trial" in ended.progress.message
    assert queue.list_runs(workspace) == []


def test_the_sampler_asks_again_for_the_same_and_tells_what_mattered(tmp_path):
    from engine.studies.trials import Trials

    base, path = TrainingConfig(), tmp_path / "trials.jsonl"

    def opened():
        return Trials(path, base, FIELDS, seed=1)

    assert opened().ask(0, 100) == {field: getattr(base, field) for field in FIELDS}
    seen = []
    for number in range(12):
        values = opened().ask(number, 4)
        assert opened().ask(number, 4) == values
        assert values["epochs"] <= 4
        seen.append(values["learning_rate"])
        assert opened().importance() == {} or number >= 6
        score = 1.0 if values["learning_rate"] < 1e-4 else 0.1
        opened().report(number, [score])
        opened().close(number, "complete", score)
        opened().close(number, "complete", 0.0)  # it stays as it is
    assert len(set(seen)) == 12
    mattered = opened().importance()
    assert next(iter(mattered)) == "learning_rate" and sum(mattered.values()) == pytest.approx(1.0)


def test_a_trial_is_compared_with_others_after_the_same_share_of_their_rounds(tmp_path):
    from engine.studies.trials import Trials

    def told(planned: int, scores: list[float], ends: bool = True) -> bool:
        """Whether a trial of so many rounds is hopeless after the last of the scores."""
        base, number = TrainingConfig(epochs=planned), next(numbers)
        trials = Trials(tmp_path / "trials.jsonl", base, FIELDS, seed=1)
        trials.study.enqueue_trial({field: getattr(base, field) for field in FIELDS})
        assert trials.ask(number, planned)["epochs"] == planned
        hopeless = trials.report(number, scores)
        trials.close(number, "complete" if ends else "pruned", max(scores))
        return hopeless

    numbers = count()
    for _ in range(4):
        assert not told(2, [0.5, 0.9])  # settled after two rounds
    assert not told(8, [0.1], ends=False)  # nothing else was as early as that
    assert not told(8, [0.3, 0.4], ends=False)  # though round 2 of the others had 0.9
    assert not told(8, [0.3, 0.4, 0.5, 0.6], ends=False)  # halfway it is ahead of them
    assert told(8, [0.3, 0.4, 0.4, 0.4], ends=False)
    for _ in range(4):
        told(8, [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
    assert told(2, [0.45], ends=False)  # the better three quarters had 0.5 halfway


def test_a_damaged_search_harms_no_other(workspace, easy, planned):
    damaged, whole = begin(workspace, easy, planned, 3600), begin(workspace, easy, planned, 3600)
    workspace.study(damaged.id).progress.write_text('{"status": "run')
    with pytest.raises(WorkspaceError, match="damaged"):
        records.standing(workspace, damaged)
    assert records.list_studies(workspace) == [whole]
    assert search.go_on(workspace)
    assert len(progress.read(workspace.study(whole.id)).trials) == 1
    workspace.study(damaged.id).study.write_text("[")
    assert records.list_studies(workspace) == [whole]
    records.stop(workspace, whole)
    wait(workspace, whole.run_id(0))


def stopped(workspace, study, status, **said):
    """The first trial of a search, ended without any work. Returns its run."""
    queue.pause_queue(workspace, True)
    assert search.go_on(workspace)
    run_id, store = study.run_id(0), Store(workspace)
    store.pause_queue(False)
    assert store.claim(run_id, os.getpid())
    store.end(run_id, status, os.getpid(), **said)
    store.pause_queue(True)
    return store.get(run_id)


@pytest.mark.parametrize("harm", ["gone", "damaged", "in the trash"])
def test_a_trial_that_cannot_go_on_has_failed_and_other_searches_go_on(workspace, easy, planned, harm):
    harmed = begin(workspace, easy, planned, 3600)
    run = stopped(workspace, harmed, Status.INTERRUPTED)
    if harm == "in the trash":
        queue.remove(workspace, run.id)
    elif harm == "gone":
        shutil.rmtree(workspace.run(run.id).folder)
    else:
        workspace.run(run.id).config.write_text("{")
    other = begin(workspace, easy, planned, 3600)
    assert search.go_on(workspace)
    assert len(progress.read(workspace.study(other.id)).trials) == 1
    ended = progress.read(workspace.study(harmed.id))
    assert (ended.status, ended.trials[0].state) == ("failed", "failed")


def test_a_search_waits_for_a_paused_trial_until_that_is_deleted(workspace, easy, planned):
    study = begin(workspace, easy, planned, 3600)
    run = stopped(workspace, study, Status.STOPPED, reason="paused")
    assert not search.go_on(workspace)
    queue.remove(workspace, run.id)
    assert search.go_on(workspace)
    assert len(progress.read(workspace.study(study.id)).trials) == 2


def test_a_search_that_meets_a_full_disk_starves_no_other_and_tries_again(workspace, easy, planned, monkeypatch):
    queue.pause_queue(workspace, True)
    studies = [begin(workspace, easy, planned, 3600) for _ in range(2)]
    met, submit = [], queue.submit

    def full_at_first(*given, **rest):
        met.append(rest["ticket"])
        if len(met) == 1:
            raise WorkspaceError("The disk is full.", "Make room.", "disk_full")
        return submit(*given, **rest)

    monkeypatch.setattr(queue, "submit", full_at_first)
    with pytest.raises(WorkspaceError, match="full"):
        search.go_on(workspace)
    assert set(met) == {study.run_id(0) for study in studies}
    assert len(queue.list_runs(workspace)) == 1
    assert search.go_on(workspace)
    assert len(queue.list_runs(workspace)) == 2


def test_why_a_trial_ended_early_is_said_once_though_writing_it_down_had_to_be_tried_again(
    workspace, easy, planned, monkeypatch
):
    study = begin(workspace, easy, planned, 3600)
    kept = "The best epoch so far (1) was kept as the model."
    run = stopped(workspace, study, Status.STOPPED, reason="stopped", message=f"Stopped on request. {kept}")
    with progress.changing(workspace.study(study.id)) as found:
        found.status, found.trials[0].why = "stopped", search.OVER
    with monkeypatch.context() as patch:
        patch.setattr(progress, "write_json", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        for _ in range(2):
            with pytest.raises(OSError, match="full"):
                search.go_on(workspace)
    assert not search.go_on(workspace)
    assert progress.read(workspace.study(study.id)).trials[0].state == "pruned"
    assert queue.get_run(workspace, run.id).message == f"{search.OVER} {kept}"


def test_what_cannot_be_searched_is_refused(workspace, easy, planned):
    words = plan(workspace, easy, "tfidf", "quick")
    with pytest.raises(SettingsError, match="no settings to search"):
        search.begin(workspace, easy, words, words.config(), 3600)
    with pytest.raises(SettingsError, match="at least 30 seconds"):
        begin(workspace, easy, planned, 3)
    assert records.list_studies(workspace) == []
