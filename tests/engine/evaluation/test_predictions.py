import numpy as np
import pandas as pd

from engine.evaluation import predictions

LABELS = ["text", "split", "other"]  # classes may be called like columns
ROWS = pd.DataFrame({"source_row": [7, 8, 9], "split": ["validation", "test", "test"], "text": ["x", "y", "z"],
                     "label": ["text", "split", "other"]})  # fmt: skip
PROBABILITIES = np.array([[0.8, 0.1, 0.1], [0.5, 0.3, 0.2], [0.9, 0.05, 0.05]], dtype=np.float32)


def test_written_and_read(tmp_path):
    predictions.table(ROWS, LABELS, PROBABILITIES).to_parquet(tmp_path / "p.parquet")
    test = predictions.read(tmp_path / "p.parquet", "test")
    assert test["source_row"].tolist() == [8, 9]
    assert test["predicted"].tolist() == ["text", "text"]
    assert predictions.labels_of(test) == LABELS
    np.testing.assert_array_equal(predictions.probabilities_of(test), PROBABILITIES[1:])


def test_a_cell_lists_its_texts_the_most_confident_first():
    table = predictions.table(ROWS.assign(label="other"), LABELS, PROBABILITIES)
    assert predictions.cell(table, "other", "text")["text"].tolist() == ["z", "x", "y"]
    assert predictions.cell(table, "text", "other").empty
