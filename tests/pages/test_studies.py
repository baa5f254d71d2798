"""Several runs asked for at once on the Train page, and watched on the Compare page."""

import os
import shutil

from engine.runs import queue
from engine.runs.store import Status, Store
from engine.studies import records
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
    test.segmented_control(key="way").set_value(way).run()
    assert not test.exception, test.exception
    return test


def test_several_are_chosen_queued_as_one_and_watched_where_they_are_compared(
    workspace, easy, tiny_model, once_finished
):
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
    assert "Trying a few steps of each" in words_on(test)
    queue.pause_queue(workspace, True)
    press(test, "start_study")
    (study,) = records.list_studies(workspace)
    assert test.title[0].value == "Compare" and test.query_params["study"] == study.id
    assert [one.config.epochs for one in study.members if not one.config.counts_words] == [1]
    assert list(test.dataframe[0].value["State"]) == ["Waits", "Waits"]
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
