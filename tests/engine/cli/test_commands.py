"""The command line, as a person or a script calls it."""

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from engine import cli
from engine.data.datasets import remove
from engine.data.reading import read_file
from tests import forked, words
from tests.engine.runs.helpers import submit, wait

ROOT = Path(__file__).parents[2]
TINY = ["--set", "epochs=3", "--set", "learning_rate=0.003", "--set", "max_tokens=32"]


def engine(*arguments, code=0):
    done = subprocess.run(forked.command("engine", *arguments), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    return done


def as_json(*arguments):
    return json.loads(engine(*arguments, "--json").stdout)


@pytest.fixture
def trained(workspace, easy_csv, tiny_model):
    return as_json("train", easy_csv, "--model", tiny_model, *TINY)


def test_train_prints_one_json_object_and_what_it_promises(trained):
    assert trained["status"] == "finished"
    assert set(trained) >= {"run_id", "status", "seconds", "model", "rows", "metrics", "baseline"}
    assert sum(trained["rows"].values()) == 200
    assert {"accuracy", "macro_f1", "weighted_f1", "per_class", "confusion_matrix"} <= set(trained["metrics"])
    assert trained["metrics"]["confusion_matrix"]["labels"] == ["bad", "good"]
    assert sum(map(sum, trained["metrics"]["confusion_matrix"]["counts"])) == trained["rows"]["test"]
    assert {"precision", "recall", "f1", "support"} <= set(trained["metrics"]["per_class"]["good"])
    assert {"name", "accuracy", "macro_f1"} <= set(trained["baseline"])


def test_what_was_trained_can_be_listed_shown_scored_asked_and_deleted(trained, tmp_path):
    run = trained["run_id"]
    assert [one["run_id"] for one in as_json("runs")["runs"]] == [run]
    shown = as_json("show", run)
    assert shown["metrics"] == trained["metrics"]
    assert shown["config"]["epochs"] == 3
    assert {"step", "steps", "share", "seconds_left"} == set(shown["progress"])
    low, high = as_json("evaluate", run)["intervals"]["accuracy"]
    assert low <= trained["metrics"]["accuracy"] <= high
    answers = as_json("predict", run, "--text", "the lamp is bright, calm and tidy", "--text", "=dull")["predictions"]
    assert [answer["text"] for answer in answers] == ["the lamp is bright, calm and tidy", "=dull"]
    assert set(answers[0]) == {"text", "label", "confidence", "probabilities", "to_a_person"}
    assert as_json("predict", trained["folder"], "--text", "=dull")["predictions"][0] == answers[1]
    (Path(trained["folder"]).parent / "rules.json").write_text('{"threshold": 0.9999}')
    assert all(one["to_a_person"] for one in as_json("predict", run, "--text", "=dull")["predictions"])
    assert "(a person)" in engine("predict", run, "--text", "=dull").stdout
    assert "precision" in engine("show", run).stdout
    longer = as_json("resume", run, "--epochs", "4")
    assert longer["status"] == "finished"
    assert as_json("show", run)["config"]["epochs"] == 4
    other = as_json("clone", run, "--set", "epochs=1", "--name", "once")
    assert as_json("show", other["run_id"])["config"] == {**as_json("show", run)["config"], "epochs": 1}
    compared = as_json("compare", run, other["run_id"])
    assert {one["run_id"] for one in compared["runs"]} == {run, other["run_id"]}
    assert {"accuracy", "macro_f1", "intervals"} <= set(compared["runs"][0])
    assert {"a", "b", "difference", "p_value", "verdict"} <= set(compared["pairs"][0])
    told = engine("compare", run, other["run_id"]).stdout
    assert compared["pairs"][0]["verdict"] in told and "not in the training" in told
    assert as_json("clean")["freed_bytes"] > 0
    assert as_json("queue") == {"paused": False, "waiting": []}
    engine("delete", run)
    assert [one["run_id"] for one in as_json("runs")["runs"]] == [other["run_id"]]
    assert as_json("restore", run)["run_id"] == run
    engine("delete", run)
    engine("delete", other["run_id"])
    assert as_json("clean", "--trash")["freed_bytes"] > 0
    assert as_json("runs") == {"runs": []}


def test_word_counting_is_a_model_like_any_other(workspace, easy_csv, tmp_path):
    trained = as_json("train", easy_csv, "--model", "tfidf")
    assert trained["metrics"]["accuracy"] == trained["baseline"]["accuracy"] > 0.9
    assert as_json("show", trained["run_id"])["metrics"] == trained["metrics"]
    assert "epochs" not in engine("show", trained["run_id"]).stdout
    asked = ["--text", "the lamp is bright, calm and tidy"]
    answer = as_json("predict", trained["run_id"], *asked)["predictions"][0]
    assert answer == as_json("predict", trained["folder"], *asked)["predictions"][0]
    (tmp_path / "more.csv").write_text(words.easy_csv(40, seed=9))
    assert as_json("evaluate", trained["run_id"], "--data", tmp_path / "more.csv")["rows"] == 40


def test_doubtful_labels_are_listed_corrected_and_trained_on_again(workspace, easy, capsys):
    def said(*arguments):
        assert cli.main([*arguments, "--json"]) == 0, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    first = wait(workspace, submit(workspace, easy, "tfidf").id)
    listed = said("review", first.id, "--show", "uncertain", "--most", "3")
    assert listed["judged"] == easy.rows["validation"] + easy.rows["test"]
    one, two, three = listed["rows"]
    assert cli.main(["review", first.id, "--show", "uncertain"]) == 0
    assert one["row"] in capsys.readouterr().out
    other = {"good": "bad", "bad": "good"}[one["label"]]
    asked = ["--relabel", f"{one['row']}={other}", "--drop", two["row"], "--keep", three["row"]]
    found = said("revise", first.id, *asked, "--add", "good=a lamp = bright", "--name", "mended", "--train")
    assert found["dataset"]["notes"][-1] == "1 label corrected, 1 text left out, 1 text added, by hand."
    assert (found["dataset"]["version"], found["dataset"]["name"]) == (2, "mended")
    assert found["run"]["rows"]["train"] == easy.rows["train"] + 1
    again = said("revise", easy.id)  # what was decided is kept
    assert again == {"dataset": found["dataset"], "run": None}
    compared = said("compare", first.id, found["run"]["run_id"])
    assert "versions 1 and 2" in compared["note"] and compared["rows"] < easy.rows["test"] + 1
    for wrong in (["--relabel", one["row"]], ["--relabel", f"{one['row']}=fine"], ["--drop", "test:0"]):
        assert cli.main(["revise", first.id, *wrong]) == 2
    assert cli.main(["revise", easy.id, "--train"]) == 2
    assert cli.main(["revise", easy.id, "--anew"]) == 2  # then nothing is left to be changed
    assert said("revise", easy.id) == again


def test_a_zip_of_a_model_is_trained_and_remains_after_the_zip_is_gone(workspace, easy_csv, tiny_model, tmp_path):
    archive = Path(shutil.make_archive(str(tmp_path / "My model"), "zip", tiny_model.parent, tiny_model.name))
    trained = as_json("train", easy_csv, "--model", archive, *TINY)
    archive.unlink()
    assert trained["model"].startswith("my-model-")
    assert Path(as_json("show", trained["run_id"])["config"]["model"]).is_relative_to(workspace.downloads)


def test_forecast_says_what_train_with_the_same_options_would_take(workspace, easy_csv, tiny_model):
    done = engine("forecast", easy_csv, "--model", tiny_model, *TINY, "--json")
    found = json.loads(done.stdout)
    assert found["seconds"] == pytest.approx(sum(found["parts"].values())) and found["seconds"] > 0
    assert found["memory_bytes"] > 100 * 2**20
    assert (found["fits"], found["advice"]) == (True, [])
    assert "Timing steps" in done.stderr.splitlines()
    again = engine("forecast", easy_csv, "--model", tiny_model, *TINY)
    assert again.stdout.startswith("About ") and "of memory" in again.stdout
    assert again.stderr == ""  # nothing is measured twice
    assert as_json("runs") == {"runs": []}


def test_evaluate_on_a_further_file(trained, tmp_path):
    (tmp_path / "more.csv").write_text(words.easy_csv(40, seed=9) + "a text,unknown label\n")
    found = as_json("evaluate", trained["run_id"], "--data", tmp_path / "more.csv")
    assert (found["rows"], found["left_out"]) == (40, 1)
    assert sum(map(sum, found["metrics"]["confusion_matrix"]["counts"])) == 40


def test_evaluate_still_tells_the_scores_after_the_data_set_was_deleted(workspace, easy):
    run = wait(workspace, submit(workspace, easy, "tfidf").id)
    remove(workspace, easy.id)
    found = as_json("evaluate", run.id)
    assert (found["metrics"]["accuracy"], found["rows"]) == (run.accuracy, {})


def test_predict_a_file_that_no_cell_of_acts_as_a_formula(trained, tmp_path):
    (tmp_path / "in.csv").write_text('id,text\n1,the lamp is calm and warm\n2,"=HYPERLINK(""x"")"\n3,\n')
    engine("predict", trained["run_id"], "--file", tmp_path / "in.csv", "--out", tmp_path / "out.csv")
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text("utf-8-sig").splitlines()))
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert rows[1]["text"].startswith("'=")
    assert set(rows[0]) == {"id", "text", "label", "confidence", "problem"}
    assert [row["problem"] for row in rows] == ["", "", "The text is empty."]
    assert (rows[2]["label"], rows[2]["confidence"]) == ("", "")
    asked = ["predict", trained["run_id"], "--file", tmp_path / "in.csv", "--probabilities", "--out"]
    found = as_json(*asked, tmp_path / "out.xlsx")
    assert [one["label"] for one in found["predictions"]] == [row["label"] or None for row in rows]
    assert (found["rows"], found["empty"], found["column"]) == (3, 1, "text")
    frame = read_file(tmp_path / "out.xlsx").frame
    assert frame["text"].tolist() == ["the lamp is calm and warm", '=HYPERLINK("x")', ""]
    assert {"probability of good", "probability of bad"} <= set(frame.columns)
    assert not list((Path(trained["folder"]).parent / "batches").iterdir())
    assert "in which format" in engine(*asked, tmp_path / "out.pdf", code=2).stderr
    refused = engine(*asked, tmp_path / "nowhere" / "out.csv", code=2).stderr.splitlines()
    assert refused[0].startswith("Nothing can be written in") and refused[1] == "Make this folder, or choose another place."
    assert not list((Path(trained["folder"]).parent / "batches").iterdir())  # before any row was answered


def test_predict_reads_a_file_as_it_is_told_and_says_what_it_could_not_read(workspace, easy, tmp_path):
    run = wait(workspace, submit(workspace, easy, "tfidf").id).id
    rows = [f"K{number};the Lämp is calm, and warm" for number in range(12)]
    (tmp_path / "in.csv").write_bytes("\n".join([*rows, "K;a;b;c", "L;the end"]).encode("cp1252"))
    form = ["--encoding", "cp1252", "--separator", ";", "--no-header", "--column", "1"]
    found = as_json("predict", run, "--file", tmp_path / "in.csv", *form, "--out", tmp_path / "out.csv")
    assert (found["rows"], found["unread"], found["column"]) == (14, 1, "1")
    assert found["unread_rows"] == [{"line": 13, "reason": "4 fields where 2 were expected", "content": "K;a;b;c"}]
    assert found["predictions"][0]["text"] == "the Lämp is calm, and warm"
    lines = list(csv.DictReader((tmp_path / "out.csv").read_text("utf-8-sig").splitlines()))
    assert [row["0"] for row in lines[-2:]] == ["", "L"] and lines[12]["problem"].startswith("line 13: ")
    said = engine("predict", run, "--file", tmp_path / "in.csv", *form, "--out", tmp_path / "two.csv").stdout
    assert "1 could not be read:\n  line 13: 4 fields" in said


def test_check(workspace, tmp_path):
    (tmp_path / "x.csv").write_text(words.easy_csv(50) + "one more,\n,good\n", encoding="utf-8")
    found = as_json("check", tmp_path / "x.csv")
    assert (found["rows"], found["columns"], found["text"], found["label"]) == (
        52,
        ["text", "label"],
        "text",
        "label",
    )
    assert (found["encoding"], found["separator"], found["header"], found["rejected"]) == (
        "utf-8",
        ",",
        True,
        0,
    )
    assert {one["code"]: one["count"] for one in found["problems"]} == {"empty_text": 1, "missing_label": 1}
    assert "Texts" in engine("check", tmp_path / "x.csv").stdout


@pytest.mark.parametrize("written, sign", [
    ("\\t", "\t"), ("Tab", "\t"), ("comma", ","), ("semicolon", ";"), ("pipe", "|"), ("space", " "), ("||", "||"),
])  # fmt: skip
def test_a_separator_may_be_called_by_its_name(workspace, tmp_path, capsys, written, sign):
    rows = [f"{text.split()[i % 2]}{i}{sign}{label}" for i, (text, label) in enumerate(words.easy_texts(50))]
    (tmp_path / "x.txt").write_text("\n".join([f"text{sign}label", *rows]), encoding="utf-8")
    assert cli.main(["check", str(tmp_path / "x.txt"), "--separator", written, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["separator"], found["columns"], found["rows"]) == (sign, ["text", "label"], 50)


def test_check_says_that_there_is_no_such_encoding(workspace, tmp_path):
    (tmp_path / "x.csv").write_text(words.easy_csv(50), encoding="utf-8")
    said = engine("check", tmp_path / "x.csv", "--encoding", "nonsense", code=2).stderr
    assert "There is no encoding 'nonsense'." in said


def test_check_tells_where_a_row_broke_and_obeys_what_is_said_by_hand(workspace, tmp_path):
    rows = "".join(f"Größe {i} des Geräts;{'gut' if i % 2 else 'schlecht'};K{i % 7}\n" for i in range(60))
    (tmp_path / "x.csv").write_bytes((rows + "a;b;c;d\n" + "Größe 3 des Geräts;gut;K9\n").encode("cp1252"))
    found = as_json("check", tmp_path / "x.csv", "--no-header", "--fix", "drop_duplicates", "--group", "2")
    assert (found["encoding"], found["separator"], found["header"]) == ("cp1252", ";", False)
    assert found["rejected_rows"] == [{"line": 61, "reason": "4 fields where 3 were expected", "content": "a;b;c;d"}]
    assert found["applied"] == [{"remedy": "drop_duplicates", "count": 1}]
    assert "unreadable_rows" in {one["code"] for one in found["problems"]}
    assert sum(found["split"].values()) == 60
    other = as_json("check", tmp_path / "x.csv", "--separator", ",")
    assert other["label"] is None
    assert {one["code"]: one["severity"] for one in other["problems"]}["no_label_column"] == "blocking"


@pytest.mark.parametrize("arguments, sentence", [
    (["check", "EASY", "--fix", "magic"], "There is no remedy 'magic'."),
    (["check", "nothing.csv"], "There is no file nothing.csv."),
    (["check", "sample:nothing"], "There is no sample 'nothing'."),
    (["show", "abcdef1234"], "There is no run with the id 'abcdef1234'.\nList them with the command runs"),
    (["predict", "../../etc/passwd", "--text", "x"], "There is no run with the id '../../etc/passwd'.\nList them"),
    (["train", "EASY", "--set", "epochs=0", "--set", "batch_size=x"], "epochs: must be at least 1"),
    (["train", "EASY", "--set", "epochs"], "expected field=value"),
    (["train", "EASY", "--text", "nope"], "has no column 'nope'"),
    (["train", "EASY", "--model", "/nowhere/at/all"], "neither a folder"),
    (["train", "EASY", "--model", "tfidf", "--set", "epochs=3"], "epochs: word counting has no such setting"),
    (["predict", "abcdef1234"], "nothing to predict"),
    (["predict", "abcdef1234", "--text", "x", "--out", "o.csv"], "--out: does nothing without --file"),
    (["study", "EASY", "--search", "0"], "time: a search needs at least"),
    (["studies", "--go-on"], "--go-on: does nothing without the id of a STUDY"),
    (["studies", "abcdef1234", "--minutes", "5"], "--minutes: does nothing without --go-on"),
    (["rules", "abcdef1234", "--cost", "a=2"], "--cost: does nothing without --cheapest"),
    (["rules", "abcdef1234", "--person", "2"], "--person: does nothing without --cheapest"),
    (["evaluate", "abcdef1234", "--cost", "a=2"], "--cost: does nothing without --json"),
    (["evaluate", "abcdef1234", "--person", "2"], "--person: does nothing without --json"),
    (["evaluate", "abcdef1234", "--all"], "--all: does nothing without --json"),
    (["compare", "abcdef1234", "bcdef12345", "--all"], "--all: does nothing without --json"),
    (["evaluate", "abcdef1234", "--label", "x"], "--label: does nothing without --data"),
    (["import", "model.zip", "--no-header"], "--no-header: does nothing without --data"),
])  # fmt: skip
def test_what_a_person_can_fix_ends_with_2_and_plain_lines(workspace, easy_csv, arguments, sentence):
    done = engine(*[easy_csv if one == "EASY" else one for one in arguments], code=2)
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2
    assert done.stdout == ""


@pytest.mark.parametrize("cost", ["-1", "nan"])
def test_what_went_wrong_is_told_to_programs_as_well(workspace, capsys, cost):
    assert cli.main(["evaluate", "abcdef1234", "--json", "--person", cost]) == 2
    said = capsys.readouterr()
    told = json.loads(said.out)["error"]
    assert (told["message"], told["code"]) == (f"{cost} is no cost.", "no_number")
    assert said.err == f"{told['message']}\n{told['action']}\n"


@pytest.mark.parametrize("arguments, sentence", [
    (["study", "x.csv", "--curve", "--search", "30"], "argument --search: not allowed with argument --curve"),
    (["studies", "abcdef1234", "--stop", "--delete"], "argument --delete: not allowed with argument --stop"),
    (["predict", "abcdef1234", "--text", "x", "--file", "x.csv"], "argument --file: not allowed with argument --text"),
    (["evaluate", "abcdef1234", "--data", "x.csv", "--on", "validation"], "argument --on: not allowed with argument --data"),
    (["queue", "--pause", "--go-on"], "argument --go-on: not allowed with argument --pause"),
    (["study", "x.csv", "--search", "nan"], "argument --search: nan is no number of minutes from 0 on"),
    (["studies", "abcdef1234", "--go-on", "--minutes", "-1"], "argument --minutes: -1 is no number of minutes from 0 on"),
    (["review", "abcdef1234", "--most", "-5"], "-5 is no whole number from 1 on"),
    (["review", "abcdef1234", "--most", "0"], "0 is no whole number from 1 on"),
])  # fmt: skip
def test_options_of_which_one_would_be_ignored_are_refused(workspace, capsys, arguments, sentence):
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert left.value.code == 2 and sentence in capsys.readouterr().err


def test_a_threshold_of_all_is_a_person_always_as_it_is_kept_and_told(workspace, easy):
    run = wait(workspace, submit(workspace, easy, "tfidf").id).id
    for written in ("1", "100%", "person"):
        assert as_json("rules", run, "--threshold", written)["threshold"] == 1.01
    assert "leaves every answer to a person." in engine("rules", run).stdout
    said = engine("rules", run, "--threshold-of", "good=0.8").stdout
    assert "leaves every answer that is not named here to a person.\n  good: when at least 80.0% sure\n" in said


def test_a_threshold_and_a_cost_are_given_to_a_label_that_holds_an_equals_sign(workspace, easy_csv):
    easy_csv.write_text(easy_csv.read_text().replace(",good\n", ",mood=good\n"))
    run = as_json("train", easy_csv, "--model", "tfidf")["run_id"]
    assert as_json("rules", run, "--threshold-of", "mood=good=0.8")["thresholds"] == {"mood=good": 0.8}
    assert as_json("evaluate", run, "--cost", "mood=good=9")["costs"]["mistakes"] == {"bad": 5.0, "mood=good": 9.0}


def test_a_run_that_fails_ends_with_2_and_says_why(workspace, easy_csv, tiny_model):
    done = engine("train", easy_csv, "--model", tiny_model, "--set", "device=cuda", code=2)
    assert "cuda" in done.stderr


def test_progress_goes_to_stderr_line_by_line_where_there_is_no_terminal(workspace, easy_csv, tiny_model):
    done = engine("train", easy_csv, "--model", tiny_model, *TINY, "--set", "epochs=60")
    assert "Training" in done.stderr
    assert "epoch 60: macro-F1" in done.stderr.splitlines()[-1]
    assert "Confusion matrix" in done.stdout and "Word counting" in done.stdout
    assert "\r" not in done.stderr


def test_settings_say_how_the_dashboard_is_opened_as_its_page_does(workspace, monkeypatch):
    found = as_json("settings")["dashboard"]
    assert found["listens"] == {"value": "127.0.0.1", "origin": ".streamlit/config.toml"}
    assert found["names"] == {"value": "localhost, 127.0.0.1", "origin": ".streamlit/config.toml"}
    assert found["who"]["value"] == "Everyone who can reach this address"
    assert found["visitors"] == {"value": "Everything", "origin": "Default"}
    monkeypatch.setenv("TUNEBOARD_PASSWORD", "secret")
    monkeypatch.setenv("TUNEBOARD_READ_ONLY", "1")
    said = engine("settings").stdout
    for row in (
        r"who has access +Anyone who knows the password +Variable TUNEBOARD_PASSWORD",
        r"what visitors may do +View, evaluate and predict +Variable TUNEBOARD_READ_ONLY",
        rf"Workspace: {workspace.root} \(Variable TUNEBOARD_HOME\)",
    ):
        assert re.search(row, said), said
    assert "secret" not in said


def test_settings_are_shown_chosen_and_taken_back(workspace, monkeypatch):
    shown = as_json("settings")
    assert shown["workspace"] == str(workspace.root)
    assert shown["settings"]["tracker"] == {
        "value": "off",
        "origin": "default",
        "variable": "TUNEBOARD_TRACKER",
    }
    assert {"datasets", "models", "runs", "checkpoints", "pretrained", "uploads", "trash"} <= set(shown["bytes"])
    chosen = as_json("settings", "--set", "threads=1", "--set", "precision=fp32")["settings"]
    assert (chosen["threads"]["value"], chosen["threads"]["origin"]) == (1, "settings")
    monkeypatch.setenv("TUNEBOARD_PRECISION", "bf16")
    assert "TUNEBOARD_PRECISION" in engine("settings").stdout
    assert "decides" in engine("settings", "--set", "precision=fp32", code=2).stderr
    assert "There are: device" in engine("settings", "--set", "epochs=3", code=2).stderr
