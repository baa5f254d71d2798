import json
import re
from html import unescape

import pytest

from engine import cli
from engine.data.datasets import remove
from engine.errors import DataError
from engine.evaluation import calibration
from engine.evaluation.deferring import ALWAYS_A_PERSON
from engine.evaluation.judging import corrected_log_loss
from engine.figures import as_in
from engine.paths import read_json
from engine.results.export import export
from engine.serving import exporting, report, rules
from engine.serving.rules import Rules
from tests.engine.runs.helpers import submit, wait
from tests.engine.serving.made_up import HOSTILE, run


@pytest.fixture
def counted(workspace, easy):
    return wait(workspace, submit(workspace, easy, "tfidf", name="<i>mine</i>").id)


def words_of(page: str) -> str:
    """What a person reads, on one line."""
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_it_says_what_the_run_found_and_is_one_file_of_less_than_6_mb(workspace, counted, easy, tmp_path, capsys):
    to = tmp_path / "report.html"
    assert cli.main(["export", counted.id, "--format", "report", "--to", str(to), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert len(said.pop("how")) == 3
    assert said == {"exported": counted.id, "format": "report", "to": str(to)}
    assert [one.name for one in tmp_path.glob("report*")] == ["report.html"]
    assert to.stat().st_size < 6_000_000
    said = words_of(to.read_text(encoding="utf-8"))
    found = read_json(workspace.run(counted.id).metrics)
    low, high = found["intervals"]["accuracy"]
    assert f"Right {found['test']['accuracy'] * 100:.0f} of 100 times" in said
    assert f"95% sure: between {low * 100:.0f} and {high * 100:.0f}, on {easy.rows['test']} test texts" in said
    for score in ("weighted_f1", "balanced_accuracy", "mcc", "roc_auc", "average_precision", "log_loss"):
        between = "{:.3f} to {:.3f}".format(*found["intervals"][score])
        assert f"{found['test'][score]:.4f} {between}" in said
    good, edges = found["test"]["per_class"]["good"], found["intervals"]["per_class"]["good"]
    told = [f"{good[key]:.3f} {edges[key][0]:.3f} to {edges[key][1]:.3f}" for key in ("precision", "recall", "f1")]
    assert f"good {' '.join(told)} {good['support']}" in said
    assert "this model itself is word counting" in said
    assert f"Training {easy.rows['train']} The model was trained on them." in said
    assert "<i>mine</i>" in said and counted.id in said
    assert "torch 2.13" in said and "did not note its own" not in said  # the run noted its versions
    with pytest.raises(DataError, match="already exists"):
        export(workspace, counted.id, to, "report")


def test_it_tells_how_many_of_the_training_texts_the_model_learnt_from(workspace, easy, tmp_path):
    half = wait(workspace, submit(workspace, easy, "tfidf", train_share=0.5).id)
    said = words_of(export(workspace, half.id, tmp_path / "report.html", "report").read_text("utf-8"))
    train = easy.rows["train"]
    assert f"Training {train // 2} The model was trained on them, a part of all {train}." in said


def test_a_share_near_the_ends_reads_as_on_the_page_and_on_the_card(tiny_model, tmp_path):
    facts, evidence = run(["a", "b"], 500)
    facts.metrics["test"]["accuracy"] = facts.metrics["baseline"]["accuracy"] = 0.996
    facts.metrics["intervals"]["accuracy"] = (0.986, 0.9992)
    said = words_of(report.render(facts, evidence))
    assert "Right 99.6 of 100 times 95% sure: between 99 and 99.9, on 500" in said
    assert "word counting 99.6" in said
    with as_in("de"):
        folder = exporting.write_folder(tiny_model, facts, tmp_path / "model")
    page = (folder / "README.md").read_text(encoding="utf-8")  # in English, wherever it was written
    assert "Right 99.6 of 100 times** (95% sure: between 99 and 99.9)" in page and "is right 99.6 of 100 times" in page


def test_its_settings_read_as_on_the_train_page():
    facts, evidence = run(["a", "b"], 12)
    facts.settings.update(learning_rate=3e-5, read_mean=True)
    said = words_of(report.render(facts, evidence))
    for told in ("Learning rate 0.00003", "Mean pooling yes", "Device Automatic"):
        assert told in said
    assert "Model made up Revision none Preset balanced" in said
    assert not {"learning_rate", "read_mean", "e-05"} & set(re.findall(r"[\w-]+", said))


def test_it_outlives_its_data_set(workspace, counted, easy, tmp_path):
    remove(workspace, easy.id)
    said = words_of(export(workspace, counted.id, tmp_path / "report.html", "report").read_text("utf-8"))
    assert "The data set has been deleted since" in said and "Right" in said


def test_the_threshold_in_use_and_the_correction_are_told(workspace, counted, tmp_path):
    before = words_of(export(workspace, counted.id, tmp_path / "before.html", "report").read_text("utf-8"))
    assert "No threshold is set" in before and "It is not corrected here" in before
    rules.change(workspace, counted.id, threshold=0.9, temperature=1.7)
    after = words_of(export(workspace, counted.id, tmp_path / "after.html", "report").read_text("utf-8"))
    assert "Answers below 90% sure go to a person" in after and "by the temperature 1.70" in after


def test_the_confidence_that_is_in_use_is_told_with_its_intervals_and_its_log_loss():
    facts, evidence = run(["a", "b", "c"], 60, rules=Rules(temperature=1.7))
    said, test = words_of(report.render(facts, evidence)), evidence.predictions.query("split == 'test'")
    judged = calibration.judge(evidence.predictions, 1.7)
    for error, (low, high) in (
        (judged.corrected_error, judged.corrected_interval), (judged.error, judged.interval),
    ):  # fmt: skip
        told = f"off by {100 * error:.1f} percentage points on average (95% interval {100 * low:.1f} to {100 * high:.1f}"
        assert told in said
    value, (low, high) = corrected_log_loss(test, 1.7)
    assert f"Log loss of the corrected confidence, which is in use {value:.4f} {low:.3f} to {high:.3f}" in said
    assert low < value < high and value != facts.metrics["test"]["log_loss"]
    assert "too few mistakes" not in said


def test_too_few_mistakes_and_classes_with_few_texts_are_told():
    facts, evidence = run(["a", "b"], 12)
    said = words_of(report.render(facts, evidence))
    assert "There were too few mistakes on the validation texts to estimate the correction well" in said
    assert "The scores of 2 classes (a, b) are uncertain: fewer than 10 test texts each." in said


def test_thresholds_of_single_answers_are_listed_with_that_of_the_others():
    mine = Rules(threshold=0.6, thresholds={"a": 0.905}, outlived=True)
    said = words_of(report.render(*run(["a", "b", "c"], 60, rules=mine)))
    assert "Answers go to a person as listed below. On the test texts the model answers" in said
    assert "answer goes to a person a below 90.5% sure every other answer below 60% sure" in said
    assert "chosen before the model was trained further" in said


@pytest.mark.parametrize("tested", [3, 30])
@pytest.mark.parametrize("classes", [2, 77, 200])
def test_any_number_of_classes_and_texts_can_be_told(classes, tested):
    facts, evidence = run([f"class {number}" for number in range(classes)], tested)
    said = words_of(report.render(facts, evidence))
    assert f"Which of these {classes} labels" in said and f"on {tested} test texts" in said


def test_a_threshold_that_no_answer_reaches():
    facts, evidence = run(["a", "b"], 20, rules=Rules(threshold=ALWAYS_A_PERSON))
    said = words_of(report.render(facts, evidence))
    assert "Every answer goes to a person, however sure the model is: all 20 texts would" in said


def test_it_is_written_in_the_language_that_was_chosen():
    facts, evidence = run(["a", "b"], 1200, rules=Rules(threshold=0.9, temperature=1.7))
    with as_in("de"):
        page = report.render(facts, evidence)
    said = words_of(page)
    assert "on 1.200 test texts" in said and "finished on 26.11.2026" in said
    assert "Answers below 90 % sure go to a person" in said and "by the temperature 1,70" in said
    assert f"{facts.metrics['test']['accuracy']:.4f}".replace(".", ",") in said
    assert page.count('"separators": ",."') == page.count('class="chart"') == 4
    assert not re.search(r"--share:[\d.]*,", page)  # what a style sheet reads stays as it was


def test_what_people_wrote_stays_text():
    facts, evidence = run(HOSTILE, 30, name=HOSTILE[1])
    page = report.render(facts, evidence)
    body = page.replace(report._plotly(), "")
    assert body.count("<script") == body.count("</script>") == 2 + 4  # plotly and its call; the data of four charts
    assert "<img" not in body and "{{ 7 * 7 }}" in unescape(body)
    for one in HOSTILE:
        assert one not in body or one.startswith("{{")
