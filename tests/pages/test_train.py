import json
import shutil
import zipfile
from pathlib import Path

import pytest

from engine.data.datasets import save
from engine.data.drafting import draft
from engine.data.reading import read_file
from engine.data.recipe import Recipe
from engine.paths import Workspace
from engine.runs import queue
from engine.studies import records
from tests import words
from tests.engine.runs.helpers import wait
from tests.hub_standin import MAIN, point_to
from tests.pages.helpers import open_page, press, words_on

GERMAN = (
    "morgen kommt Besuch", "heute regnet es", "gestern war Sonntag", "niemand weiß warum", "alle freuen sich darüber",
    "wir haben lange gewartet", "der Preis ist hoch", "die Farbe ist schön", "das Paket war offen", "ich kaufe es wieder",
    "meine Frau mag es nicht", "der Nachbar hat auch eins", "die Anleitung fehlte", "es funktioniert einwandfrei",
    "der Akku hält lange", "das Kabel ist zu kurz", "die Größe passt genau", "der Bildschirm ist dunkel",
    "die Tasten klemmen oft", "das Licht ist grell",
)  # fmt: skip


def field(test, name):
    return next(
        one for one in [*test.number_input, *test.selectbox, *test.checkbox] if (one.key or "").startswith(f"{name}_")
    )


def type_in(box, name):
    """What the test runner has no word for: a value that is none of the options."""
    box.options.append(name)
    box.set_value(name).run()


def test_without_data_there_is_one_next_step(workspace):
    assert "No data yet" in words_on(open_page("train"))


def test_presets_fill_the_settings_and_say_why(workspace, easy):
    test = open_page("train")
    epochs = field(test, "epochs").value
    test.radio(key="preset").set_value("quick").run()
    assert field(test, "epochs").value < epochs
    assert "texts in all" in words_on(test)


def test_quick_says_that_it_learns_from_some_of_many_texts(workspace, tmp_path):
    (tmp_path / "many.csv").write_text(words.easy_csv(9_000), encoding="utf-8")
    info = save(workspace, draft(read_file(tmp_path / "many.csv"), Recipe(text="text", label="label")))
    total = info.rows["train"]
    test = open_page("train")
    assert f"Trains on {total:,} texts" in words_on(test)
    test.radio(key="preset").set_value("quick").run()
    share = field(test, "train_share").value
    assert 3_800 < share * total < 4_200
    assert f"Trains on about {round(share * total):,} of {total:,} texts for 1 epoch" in words_on(test)


def test_a_model_that_does_not_know_the_language_is_told_before_start(workspace, tmp_path):
    file = tmp_path / "antworten.csv"
    said = [
        ("Die Lieferung kam leider drei Tage zu spät an", "Ärger"),
        ("Das Gerät gefällt mir wirklich gut", "Lob"),
    ]
    rows = [f"{text} und {word},{label}" for text, label in said for word in GERMAN]
    file.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    save(workspace, draft(read_file(file), Recipe(text="text", label="label")))
    test = open_page("train")
    assert "not seem to be English (language code: de)" in words_on(test)
    test.radio(key="model_kind").set_value("tfidf").run()
    assert "language code" not in words_on(test)


def test_every_setting_is_there_and_explains_itself(workspace, easy):
    test = open_page("train")
    for name in ("epochs", "learning_rate", "batch_size", "max_tokens", "warmup", "weight_decay", "schedule",
                 "gradient_clipping", "seed", "device", "precision", "method", "layer_decay", "frozen_layers",
                 "kept_layers", "freeze_embeddings", "read_mean", "head_first", "dropout", "patience", "balance",
                 "label_smoothing", "accumulation", "gradient_checkpointing"):  # fmt: skip
        assert len(field(test, name).help) > 30, name


@pytest.mark.parametrize("name, value, sentence", [
    ("epochs", 0, "must be at least 1"), ("learning_rate", 0.0, "must be more than 0"),
    ("max_tokens", 4000, "reads at most 512 tokens"),
])  # fmt: skip
def test_a_problem_stands_on_the_page_before_start(workspace, easy, name, value, sentence):
    test = open_page("train")
    field(test, name).set_value(value).run()
    assert sentence in words_on(test).replace("\\", "")
    assert test.button(key="start").disabled


def test_a_folder_without_a_model_is_a_sentence(workspace, easy, tmp_path):
    test = open_page("train")
    test.radio(key="model_kind").set_value("folder").run()
    test.text_input(key="model_folder").set_value(str(tmp_path)).run()
    assert "no Hugging Face model" in words_on(test)
    assert "start" not in {one.key for one in test.button}


def test_the_models_can_be_compared_and_none_is_loaded_for_it(workspace, easy):
    test = open_page("train")
    assert "No download is needed" in words_on(test)
    table = test.table[0].value.set_index("Model")
    assert table.index.tolist()[:2] == ["MiniLM (bundled)", "Word counting (TF-IDF)"]
    assert set(table.columns) == {"Size", "Parameters", "Languages", "Time", "Licence", "When to use it"}
    assert table.loc["BERT base", ["Time", "Size", "Parameters"]].tolist() == [
        "8 ×",
        "440\u00a0MB",
        "110 million",
    ]
    assert "calculated" in words_on(test)


def test_word_counting_has_no_settings_and_is_started_as_any_model(workspace, easy):
    test = open_page("train")
    test.radio(key="model_kind").set_value("tfidf").run()
    assert "preset" not in {one.key for one in test.radio}
    assert not test.number_input
    assert "Counts the words of" in words_on(test)
    press(test, "start")
    run = wait(workspace, queue.list_runs(workspace)[0].id)
    assert run.status == "finished", run.message
    assert run.name == "Word counting (TF-IDF) on easy"
    assert "epochs" not in open_page("runs", run=run.id).json[0].value
    assert "Word counting" in words_on(open_page("evaluate", run=run.id))
    asked = open_page("predict", run=run.id)
    asked.text_area(key="text").set_value("the lamp is bright, calm and tidy").run()
    assert {one.label for one in asked.metric} == {"The model says"}


def test_a_zip_of_a_model_becomes_a_model_to_start_from(workspace, easy, tiny_model, tmp_path):
    archive = Path(shutil.make_archive(str(tmp_path / "mine"), "zip", tiny_model))
    test = open_page("train")
    test.radio(key="model_kind").set_value("zip").run()
    assert "start" not in {one.key for one in test.button}
    test.file_uploader(key="upload_model_0").upload("mine.zip", archive.read_bytes(), "application/zip").run()
    assert not test.exception
    chosen = Path(test.selectbox(key="model_uploaded").value)
    assert chosen.name.startswith("mine-") and chosen.parent == workspace.uploaded_models
    assert test.text_input(key=f"name_{easy.id}_{chosen}_{easy.name}").value.startswith("mine-")
    assert not test.button(key="start").disabled


def test_a_zip_without_a_model_is_a_sentence_and_leaves_nothing(workspace, easy, easy_csv, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(easy_csv, "easy.csv")
    test = open_page("train")
    test.radio(key="model_kind").set_value("zip").run()
    content = (tmp_path / "x.zip").read_bytes()
    test.file_uploader(key="upload_model_0").upload("x.zip", content, "application/zip").run()
    assert "no model in x" in words_on(test)
    assert "start" not in {one.key for one in test.button}
    assert [path for path in workspace.downloads.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name, sentence", [
    ("me/absent", "knows no public model"), ("me/gated", "agreed to its terms"), ("me/code", "own program code"),
    ("me/pickled", "no weights in the safetensors"), ("me/speech", "cannot be made into a classifier"),
])  # fmt: skip
def test_what_the_hub_has_not_is_a_sentence_before_anything_is_queued(workspace, easy, model_hub, name, sentence):
    test = open_page("train")
    test.radio(key="model_kind").set_value("hub").run()
    type_in(test.selectbox(key="model_hub"), name)
    assert sentence in words_on(test)
    assert "start" not in {one.key for one in test.button}
    assert model_hub.downloads == [] and queue.list_runs(workspace) == []


def test_a_hub_that_cannot_be_reached_points_to_what_is_here(workspace, easy, monkeypatch):
    point_to("http://127.0.0.1:9", monkeypatch)
    test = open_page("train")
    test.radio(key="model_kind").set_value("hub").run()
    test.selectbox(key="model_hub").set_value("google-bert/bert-base-uncased").run()
    assert "cannot be reached" in words_on(test) and "take the bundled model" in words_on(test)
    assert "start" not in {one.key for one in test.button}


def test_a_model_of_the_hub_is_pinned_to_its_commit(workspace, easy, model_hub):
    test = open_page("train")
    test.radio(key="model_kind").set_value("hub").run()
    type_in(test.selectbox(key="model_hub"), "me/tiny")
    assert "will be downloaded once" in words_on(test)
    test.selectbox(key="model_hub").options.append("me/tiny")
    press(test, "start")
    run = queue.list_runs(workspace)[0]
    assert queue.config_of(workspace, run.id).revision == MAIN
    queue.stop(workspace, run.id)
    wait(workspace, run.id)


def test_start_queues_exactly_what_the_form_says_and_leads_to_the_run(workspace, easy, tiny_model):
    test = open_page("train")
    test.radio(key="model_kind").set_value("folder").run()
    test.text_input(key="model_folder").set_value(str(tiny_model)).run()
    field(test, "epochs").set_value(2).run()
    field(test, "seed").set_value(7).run()
    press(test, "start")
    run = queue.list_runs(workspace)[0]
    config = queue.config_of(workspace, run.id)
    assert (config.epochs, config.seed, config.model) == (2, 7, str(tiny_model))
    assert test.title[0].value == "Runs"
    assert test.query_params["run"] == run.id
    assert wait(workspace, run.id).status == "finished"
    assert json.loads(workspace.run(run.id).config.read_text())["dataset_id"] == easy.id


@pytest.mark.parametrize("way, starts", [("one", "start"), ("several", "start_study")])
def test_a_name_that_was_typed_outlasts_a_look_at_another_page_until_it_was_used(workspace, easy, way, starts):
    def box():
        return next(one for one in test.text_input if one.label.startswith("Name of the"))

    test = open_page("train")
    test.radio(key="way").set_value(way).run()
    proposed = box().value
    box().set_value("with the old mails").run()
    test.switch_page("pages/runs.py").run()
    test.switch_page("pages/train.py").run()
    assert box().value == "with the old mails"
    queue.pause_queue(workspace, True)
    press(test, starts)
    started = records.list_studies(workspace) if way != "one" else queue.list_runs(workspace)
    assert [one.name for one in started] == ["with the old mails"]
    test.switch_page("pages/train.py").run()
    assert box().value == proposed


def test_a_disk_with_too_little_room_is_said_before_start(small_disk, easy_csv, monkeypatch):
    monkeypatch.setenv("TUNEBOARD_HOME", str(small_disk))
    save(Workspace.open(), draft(read_file(easy_csv), Recipe(text="text", label="label")))
    assert "this run may need up to" in words_on(open_page("train"))
