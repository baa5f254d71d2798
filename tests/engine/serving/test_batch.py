import os

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from engine.data.reading import Options, read_bytes
from engine.data.reading.table import LISTED_REJECTED, Rejected, arrow
from engine.errors import RunStateError
from engine.models import tfidf
from engine.models.loading import load_model, load_tokenizer
from engine.paths import BatchPaths
from engine.serving import batch
from engine.serving.predictor import Predictor
from engine.serving.rules import Rules
from tests.words import easy_texts


@pytest.fixture
def predictor(tmp_path):
    texts, labels = zip(*easy_texts(200), strict=True)
    tfidf.save(tfidf.fit(texts, labels, ["bad", "good"]), tmp_path / "model")
    return Predictor(tmp_path / "model")


def begun(folder, texts, unread=None, **columns) -> BatchPaths:
    paths = BatchPaths(folder)
    batch.write_table(pd.DataFrame({"id": [str(n) for n in range(len(texts))], "text": texts, **columns}), paths)
    batch.begin(paths, "file.csv", "text", unread, len(unread or ()))
    return paths


def whole(paths, rules=Rules(), probabilities=False) -> pd.DataFrame:  # noqa: B008 (frozen)
    return pd.concat(list(batch.answered(paths, rules, probabilities)), ignore_index=True)


def test_every_row_comes_back_in_its_place_with_its_answer(tmp_path, predictor, monkeypatch):
    monkeypatch.setattr(batch, "ROWS", 10)  # groups of 160 rows in parts of 10, the last one shorter
    texts = [text for text, _ in easy_texts(333, seed=5)]
    texts[7], texts[250] = "", "  \n "
    paths, told = begun(tmp_path / "job", texts), []
    batch.answer(paths, predictor, lambda done, total: told.append((done, total)))
    assert told[-1] == (333, 333) and told == sorted(told)
    found = whole(paths, probabilities=True)
    assert found["id"].tolist() == [str(n) for n in range(333)]
    assert found["text"].tolist() == texts
    for place, said in enumerate(predictor.predict([text for text in texts if text.strip()][:7])):
        assert (found["label"][place], round(said.confidence, 4)) == (said.label, found["confidence"][place])
    assert found["problem"].notna().to_numpy().nonzero()[0].tolist() == [7, 250]
    assert found.loc[7, "problem"] == "The text is empty."
    assert pd.isna(found.loc[7, "label"]) and pd.isna(found.loc[7, "confidence"])
    shares = found[["probability of bad", "probability of good"]].dropna().to_numpy()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=2e-4)
    result = batch.summary(paths, Rules())
    assert (result.rows, result.empty, sum(result.counts.values())) == (333, 2, 331)


def test_a_line_that_cannot_be_read_comes_back_in_its_place_and_says_why(tmp_path, predictor, monkeypatch):
    monkeypatch.setattr(batch, "ROWS", 10)
    rows = [f'{number},"{text}"' for number, (text, _) in enumerate(easy_texts(25, seed=5))]
    rows[10], rows[24] = "10,a,b,c,d", "24,end,of,it"
    table = read_bytes("\n".join(["id,text", *rows]).encode(), "new.csv", Options(separator=",", names_row=1))
    paths = BatchPaths(tmp_path / "job")
    batch.write_table(table.frame, paths)
    batch.begin(paths, table.name, "text", arrow(table.rejected), table.rejected_count)
    batch.answer(paths, predictor)
    found = whole(paths)
    assert found["id"].tolist() == ["" if number in (10, 24) else str(number) for number in range(25)]
    lost = found["problem"].dropna()
    assert lost.index.tolist() == [10, 24] and found.loc[lost.index, "label"].isna().all()
    assert lost[10] == "line 12: 5 fields where 2 were expected" and found["text"][10] == "10,a,b,c,d"
    result = batch.summary(paths, Rules(threshold=0.01))
    assert (result.rows, result.empty, result.unread_count, result.people) == (25, 0, 2, 2)
    listed = batch.predictions(paths, Rules(), 100)
    assert len(listed) == 25 and listed[24]["problem"].startswith("line 26: ")


def test_of_a_broken_file_every_line_comes_back_with_its_reason(tmp_path, predictor, monkeypatch):
    monkeypatch.setattr(batch, "ROWS", 10)
    broken, why = [f"{number},a,b,c,d" for number in range(3 * LISTED_REJECTED)], "5 fields"
    unread = [Rejected(14 + number, why, line, 12) for number, line in enumerate(broken)]
    unread += [Rejected(9000 + number, why, line, 30) for number, line in enumerate(broken[:7])]
    paths = begun(tmp_path / "job", [text for text, _ in easy_texts(30, seed=5)], arrow(unread))
    batch.answer(paths, predictor)
    assert len(batch.read(paths).unread) == LISTED_REJECTED
    pieces = list(batch.answered(paths, Rules()))
    assert max(map(len, pieces)) == 10  # so that memory never holds the whole
    found = pd.concat(pieces, ignore_index=True)
    assert found["text"].tolist()[12:-25] == broken and found["text"].tolist()[-7:] == broken[:7]
    assert found["id"].tolist()[:12] == [str(number) for number in range(12)]
    reasons = [f"line {number}: 5 fields" for number in range(14, 14 + len(broken))]
    assert found["problem"].tolist()[12:-25] == reasons
    assert found["label"].notna().sum() == 30
    result = batch.summary(paths, Rules())
    assert (result.rows, result.unread_count, result.lost) == (30 + len(broken) + 7, len(broken) + 7, 0)


def test_lines_that_are_too_many_to_be_kept_are_counted(tmp_path, predictor):
    paths = BatchPaths(tmp_path / "job")
    batch.write_table(pd.DataFrame({"text": ["a bright lamp"]}), paths)
    batch.begin(paths, "file.csv", "text", arrow([Rejected(2, "why", "x"), Rejected(1, "why", "y", 0)]), 5)
    batch.answer(paths, predictor)
    assert whole(paths)["text"].tolist() == ["y", "a bright lamp", "x"]
    assert batch.summary(paths, Rules()).lost == 3


def test_rules_apply_when_the_result_is_written_and_columns_keep_their_names(tmp_path, predictor):
    paths = begun(tmp_path / "job", ["a bright lamp", "", "a dull lamp"], label=["x", "y", "z"])
    batch.answer(paths, predictor)
    assert list(whole(paths)) == ["id", "text", "label", "label (model)", "confidence", "problem"]
    strict = whole(paths, Rules(thresholds={"good": 1.0}, temperature=2.0))
    assert strict["label"].tolist() == ["x", "y", "z"]
    assert strict["to_a_person"].tolist() == ["yes", "yes", "no"]
    assert strict["confidence"][0] < whole(paths)["confidence"][0]
    assert batch.summary(paths, Rules(threshold=1.0)).people == 3
    listed = batch.predictions(paths, Rules(thresholds={"good": 1.0}, temperature=2.0), 100)
    assert [one["to_a_person"] for one in listed] == [True, True, False]


def test_what_is_answered_is_not_asked_again(tmp_path, predictor, monkeypatch):
    monkeypatch.setattr(batch, "ROWS", 10)
    paths = begun(tmp_path / "job", [text for text, _ in easy_texts(35)])

    def broken_off(done, total):
        if done >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        batch.answer(paths, predictor, broken_off)
    assert not batch.is_done(paths)
    asked, readme = [], predictor.folder / "README.md"
    before = readme.stat()
    os.utime(readme, ns=(0, 0))
    with pytest.raises(RunStateError, match="trained further"):
        batch.answer(paths, predictor)
    os.utime(readme, ns=(before.st_atime_ns, before.st_mtime_ns))
    monkeypatch.setattr(
        predictor, "probabilities", lambda texts, progress: asked.append(len(texts)) or predictor.model.probabilities(texts)
    )
    batch.answer(paths, predictor)
    assert asked == [10, 5] and batch.is_done(paths)


def test_two_processes_never_answer_the_same_file(tmp_path, predictor):
    paths = begun(tmp_path / "job", ["a bright lamp"])
    with FileLock(paths.lock), pytest.raises(RunStateError, match="being answered already"):
        batch.answer(paths, predictor)


def test_another_model_column_or_file_is_another_job(tmp_path, predictor):
    folder = tmp_path / "model"
    key = batch.key_of("abc", folder, {}, "text")
    assert key == batch.key_of("abc", folder, {}, "text")
    others = {
        batch.key_of("abd", folder, {}, "text"),
        batch.key_of("abc", folder, {"sheet": "two"}, "text"),
        batch.key_of("abc", folder, {}, "body"),
    }
    (folder / "README.md").write_text("trained further")
    assert len({key, *others, batch.key_of("abc", folder, {}, "text")}) == 5


def test_a_model_that_is_asked_uses_as_many_threads_as_was_chosen(tmp_path, tiny_model, monkeypatch):
    import torch

    load_model(tiny_model, ["no", "yes"]).save_pretrained(tmp_path / "model")
    load_tokenizer(tiny_model).save_pretrained(tmp_path / "model")
    before = torch.get_num_threads()
    monkeypatch.setenv("TUNEBOARD_THREADS", "1")
    try:
        torch.set_num_threads(2)
        Predictor(tmp_path / "model")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_bf16_only_where_the_labels_stay_the_same(tmp_path, tiny_model, monkeypatch):
    import torch

    from engine.serving import transformer

    load_model(tiny_model, ["no", "yes"]).save_pretrained(tmp_path / "model")
    load_tokenizer(tiny_model).save_pretrained(tmp_path / "model")
    monkeypatch.setattr("engine.models.devices.bf16_speedup", lambda device: 3.0)
    texts = [text for text, _ in easy_texts(50)]
    predictor = Predictor(tmp_path / "model")
    exact = predictor.probabilities(texts)
    monkeypatch.setattr(transformer, "AGREED", 1.01)
    assert predictor.hasten(texts) == "fp32"
    np.testing.assert_array_equal(predictor.probabilities(texts), exact)
    monkeypatch.setattr(transformer, "AGREED", 0.0)
    monkeypatch.setattr(batch, "PAYS", 10)
    batch.answer(begun(tmp_path / "job", texts), predictor, hasten=False)  # of a predictor that others ask, too
    np.testing.assert_array_equal(predictor.probabilities(texts), exact)
    assert predictor.hasten(texts) == "bf16" and predictor.model.model.dtype == torch.bfloat16
    np.testing.assert_allclose(predictor.probabilities(texts), exact, atol=0.05)
