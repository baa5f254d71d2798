"""Several runs asked for at once on the Train page, and watched on the Compare page."""

import json
import os
import shutil

from engine import cli
from engine.paths import read_json, write_json
from engine.runs import measurements, queue
from engine.runs.store import Status, Store
from engine.studies import records, search
from engine.studies.progress import Progress, Trial
from engine.studies.records import Member
from engine.training.plan import plan
from tests.engine.runs.test_forecast import measured
from tests.pages.helpers import open_page, press, words_on


def as_if_trained(workspace, run_id, original, run):
    """Give a waiting run what another one, on the same data, came to."""
    store = Store(workspace)
    assert store.claim(run_id, os.getpid())
    there = workspace.run(run_id)
    for path in original.run(run.id).folder.iterdir():
        if path.name in ("metrics.json", "predictions.parquet", "events.jsonl"):
            shutil.copy(path, there.folder)
    store.end(run_id, Status.FINISHED, os.getpid(), accuracy=run.accuracy, macro_f1=run.macro_f1)


def ask(way):
    test = open_page("train")
    test.radio(key="way").set_value(way).run()
    assert not test.exception, test.exception
    return test


def test_several_are_chosen_queued_as_one_and_watched_where_they_are_compared(workspace, easy, tiny_model, once_finished):
    test = ask("several")
    box = test.multiselect(key="several_models")
    box.options.append(str(tiny_model))
    box.set_value(["tfidf", str(tiny_model)]).run()
    fields = test.multiselect(key="several_fields")
    fields.set_value(["epochs"]).run()
    rounds = next(one for one in test.multiselect if one.key.startswith("several_epochs"))
    rounds.options.append("1")
    rounds.set_value(["1", "2000"]).run()
    assert "must be at most 200" in words_on(test)
    assert not any(one.key == "start_study" for one in test.button)

    rounds = next(one for one in test.multiselect if one.key.startswith("several_epochs"))
    rounds.options.append("1")
    rounds.set_value(["1"]).run()
    assert "Running a few steps of each" in words_on(test)
    queue.pause_queue(workspace, True)
    press(test, "start_study")
    (study,) = records.list_studies(workspace)
    assert test.title[0].value == "Compare" and test.query_params["study"] == study.id
    assert [one.config.epochs for one in study.members if not one.config.counts_words] == [1]
    assert list(test.dataframe[0].value["State"]) == ["Waiting", "Waiting"]
    assert "0 of 2 runs ended" in words_on(test)

    for number in range(2):
        as_if_trained(workspace, study.run_id(number), *once_finished)
    test = open_page("compare", study=study.id)
    assert "Is the gap real?" in [one.value for one in test.header]
    assert len(test.dataframe[0].value) == 3  # both, and word counting as the bar
    queue.remove(workspace, study.run_id(0))
    test = open_page("compare", study=study.id)
    assert "was deleted" in words_on(test)
    press(test, "forget_study")
    assert records.list_studies(workspace) == []
    assert "Nothing to compare yet" in words_on(test)


def test_of_more_than_ten_runs_the_best_on_validation_are_compared_and_all_listed(workspace, easy, once_finished, capsys):
    queue.pause_queue(workspace, True)
    config = plan(workspace, easy, "tfidf", "balanced").config()
    members = [Member(label=f"seed {seed}", model_name="tfidf", config=config.model_copy(update={"seed": seed}))
               for seed in range(12)]  # fmt: skip
    study = records.begin(workspace, easy, members)
    for number in range(12):
        as_if_trained(workspace, study.run_id(number), *once_finished)
        path = workspace.run(study.run_id(number)).metrics
        found = read_json(path)
        found["validation"]["macro_f1"], found["test"]["accuracy"] = number / 100, 1 - number / 100
        write_json(path, found)
        Store(workspace).change(study.run_id(number), accuracy=found["test"]["accuracy"])
    test = open_page("compare", study=study.id)
    every = test.dataframe[0].value
    assert len(every) == 12 and every["95% interval"].notna().all()
    assert len(test.dataframe[1].value) == 11  # the best ten, and word counting
    chosen = test.multiselect(key=f"compared_of_{study.id}")
    assert chosen.label.startswith("Compared below: at first the best 10 of 12 on validation")
    best = [study.run_id(number) for number in range(11, 1, -1)]  # on validation; on the test texts they are the worst
    assert chosen.value == best
    chosen.set_value([study.run_id(10), study.run_id(11)]).run()
    assert not test.exception
    assert len(test.dataframe[1].value) == 3

    capsys.readouterr()
    assert cli.main(["studies", study.id, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {one["run_id"] for one in told["comparison"]["runs"]} == set(best)
    assert "best on validation" in told["note"] and all(one["accuracy_interval"] for one in told["runs"])
    assert cli.main(["studies", study.id]) == 0
    said = capsys.readouterr().out
    assert told["note"] in said and said.count(" to ") >= 12 + len(best)


def test_a_curve_is_asked_for_with_one_measurement_for_all_of_it(workspace, easy, tiny_model, once_finished):
    test = ask("curve")
    test.radio(key="model_kind").set_value("folder").run()
    test.text_input(key="model_folder").set_value(str(tiny_model)).run()
    assert "each part contained in the next" in words_on(test)
    config = plan(workspace, easy, str(tiny_model), "balanced").config()
    write_json(workspace.forecast(measurements.key(easy.id, config)), measured().model_dump())
    assert "for all 4 runs" in words_on(test.run())
    queue.pause_queue(workspace, True)
    press(test, "start_study")
    (study,) = records.list_studies(workspace)
    assert [one.config.train_share for one in study.members] == [0.1, 0.25, 0.5, 1.0]
    for number in (2, 3):
        as_if_trained(workspace, study.run_id(number), *once_finished)
    test = open_page("compare", study=study.id)
    assert "accuracy stayed the same" in words_on(test).replace("\\", "")  # the same run twice
    press(test, "stop_study")
    assert {run.status for run in records.standing(workspace, study).runs} == {
        Status.STOPPED,
        Status.FINISHED,
    }


def test_a_search_is_begun_watched_stopped_and_told(workspace, easy, tiny_model, monkeypatch):
    monkeypatch.setattr(queue, "keep_watch", lambda workspace: None)
    test = ask("search")
    assert "compared on the validation texts only" in words_on(test)
    test.number_input(key="search_minutes").set_value(5).run()
    press(test, "start_search")
    (study,) = records.list_studies(workspace)
    assert study.search.seconds == 300
    assert "0 trials" in words_on(test)
    press(test, "stop_study")
    said = words_on(open_page("compare", study=study.id))
    assert "Stopped on request" in said.replace("\\", "")

    values = {"learning_rate": 1e-4, "epochs": 3, "batch_size": 16}
    trials = [
        Trial(
            number=number,
            run_id=study.run_id(number),
            values=values,
            state=state,
            score=score,
            rounds=3,
            seconds=60,
        )
        for number, (state, score) in enumerate([("complete", 0.8), ("pruned", 0.4), ("complete", 0.9)])
    ]
    found = Progress(status="finished", seconds=300, trials=trials, importance={"learning_rate": 0.7, "epochs": 0.3})
    found.message = search.ended(found)
    write_json(workspace.study(study.id).progress, found.model_dump())
    test = open_page("compare", study=study.id)
    said = words_on(test).replace("\\", "")
    assert "The best is trial 3, macro-F1 0.900 on validation; with the preset's settings it was 0.800" in said
    assert list(test.dataframe[0].value["Trial"]) == [3, 1, 2]
    assert "Stopped early, deleted" in list(test.dataframe[0].value["State"])
