#!/usr/bin/env python3
"""Ask this model about texts. Needs only onnxruntime, tokenizers and numpy; no torch, no Tuneboard.

pip install onnxruntime tokenizers numpy
python predict_onnx.py "Where is my parcel?" "It broke after a day."
python predict_onnx.py --file texts.txt     one text per line; answers as CSV on the standard output
python predict_onnx.py --int8 "a text"      the smaller model, where it is in the folder
"""

import argparse
import csv
import json
import re
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

FOLDER = Path(__file__).resolve().parent
ABOUT, WORDS, FULL, SMALL = "classifier.json", "tokenizer.json", "model.onnx", "model.int8.onnx"
AT_ONCE = 32


class Classifier:
    """labels: (classes,). threshold, thresholds: below which confidence, of all or of single labels, a person answers;
    0: never, 1.01: always."""

    def __init__(self, folder: Path = FOLDER, model: str = FULL):
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        self.labels, self.temperature = about["labels"], about["temperature"]
        self.threshold, self.thresholds = about["threshold"], about["thresholds"]
        self.tokenizer = Tokenizer.from_file(str(folder / WORDS))
        self.tokenizer.enable_truncation(about["max_tokens"], direction=about["cut_at"])
        self.tokenizer.enable_padding(direction=about["pad_at"], pad_id=about["pad_id"])
        quiet = onnxruntime.SessionOptions()
        quiet.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(folder / model), quiet, providers=["CPUExecutionProvider"])

    def probabilities(self, texts: list[str]) -> np.ndarray:
        """(texts, classes) float32: the probability of each label for each text, in the same order."""
        found = [np.zeros((0, len(self.labels)), dtype=np.float32)]
        for start in range(0, len(texts), AT_ONCE):
            batch = self.tokenizer.encode_batch(texts[start : start + AT_ONCE])
            given = {
                "input_ids": np.array([one.ids for one in batch], dtype=np.int64),
                "attention_mask": np.array([one.attention_mask for one in batch], dtype=np.int64),
            }
            (logits,) = self.session.run(["logits"], given)
            scaled = logits / self.temperature
            raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
            found.append(raised / raised.sum(axis=1, keepdims=True))
        return np.concatenate(found)

    def answers(self, texts: list[str]) -> list[tuple[str, float, bool]]:
        """(label, its probability, whether a person should answer) for each text, in the same order."""
        table = self.probabilities(texts)
        chosen = [(self.labels[row.argmax()], float(row.max())) for row in table]
        return [(label, sure, sure < self.thresholds.get(label, self.threshold)) for label, sure in chosen]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="*", metavar="TEXT")
    parser.add_argument("--file", metavar="FILE", help="a text file with one text per line")
    parser.add_argument("--int8", action="store_true", help=f"ask {SMALL} instead of {FULL}")
    asked = parser.parse_args()
    texts = asked.texts
    if asked.file:
        lines = Path(asked.file).read_text(encoding="utf-8-sig").splitlines()
        texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        parser.error("give at least one text, or --file FILE")
    if asked.int8 and not (FOLDER / SMALL).exists():
        parser.error(f"there is no {SMALL} in this folder; README.md says why")
    classifier = Classifier(model=SMALL if asked.int8 else FULL)
    if not sys.stdout.isatty():  # a file, which Windows would write in an alphabet without emojis
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    writer = csv.writer(sys.stdout)
    writer.writerow(["label", "confidence", "to_a_person", "text"])
    for text, (label, sure, to_a_person) in zip(texts, classifier.answers(texts), strict=True):
        # A cell that begins like a formula would be run as one by a spreadsheet.
        writer.writerow([_plain(label), f"{sure:.4f}", "yes" if to_a_person else "no", _plain(text)])


def _plain(cell: str) -> str:
    number = re.fullmatch(r"[+-][0-9]+(\.[0-9]+)?", cell)  # such as the labels -1 and +1
    return "'" + cell if cell.startswith(("=", "+", "-", "@", "\t", "\r")) and not number else cell


if __name__ == "__main__":
    main()
