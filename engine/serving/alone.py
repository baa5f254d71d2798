#!/usr/bin/env python3
"""Ask this model about texts. Needs only torch and transformers; no graphics card, no Tuneboard.

pip install torch transformers
python predict.py "Where is my parcel?" "It broke after a day."
python predict.py --file texts.txt          one text per line; answers as CSV on the standard output
"""

import argparse
import csv
import json
import re
import sys
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

FOLDER = Path(__file__).resolve().parent
# threshold: below this confidence a person answers (0: never, 1.01: always); thresholds: {answer: its own}.
# temperature: divides the logits.
RULES = FOLDER / "rules.json"
AT_ONCE = 32


def rules() -> dict:
    """threshold, thresholds, temperature; without the file they change nothing."""
    found = json.loads(RULES.read_text(encoding="utf-8")) if RULES.exists() else {}
    return {"threshold": 0.0, "thresholds": {}, "temperature": 1.0, **found}


def answers(texts: list[str], temperature: float = 1.0) -> list[tuple[str, float, dict[str, float]]]:
    """(label, its probability, the probability of each label) for each text, in the same order."""
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    model = AutoModelForSequenceClassification.from_pretrained(FOLDER).eval()
    found = []
    for start in range(0, len(texts), AT_ONCE):
        batch = tokenizer(texts[start : start + AT_ONCE], padding=True, truncation=True, return_tensors="pt")
        batch.pop("token_type_ids", None)
        with torch.inference_mode():
            table = torch.softmax(model(**batch).logits.float() / temperature, dim=-1).tolist()
        for row in table:
            named = {model.config.id2label[place]: value for place, value in enumerate(row)}
            label = max(named, key=named.get)
            found.append((label, named[label], named))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="*", metavar="TEXT")
    parser.add_argument("--file", metavar="FILE", help="a text file with one text per line")
    asked = parser.parse_args()
    texts = asked.texts
    if asked.file:
        lines = Path(asked.file).read_text(encoding="utf-8-sig").splitlines()
        texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        parser.error("give at least one text, or --file FILE")
    kept = rules()
    sends = kept["threshold"] or any(kept["thresholds"].values())
    if not sys.stdout.isatty():  # a file, which Windows would write in an alphabet without emojis
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    writer = csv.writer(sys.stdout)
    writer.writerow(["label", "confidence", *(["to_a_person"] if sends else []), "text"])
    for text, (label, confidence, _) in zip(texts, answers(texts, kept["temperature"]), strict=True):
        least = kept["thresholds"].get(label, kept["threshold"])
        sent = ["yes" if confidence < least else "no"] if sends else []
        # A cell that begins like a formula would be run as one by a spreadsheet.
        writer.writerow([_plain(label), f"{confidence:.4f}", *sent, _plain(text)])


def _plain(cell: str) -> str:
    number = re.fullmatch(r"[+-][0-9]+(\.[0-9]+)?", cell)  # such as the labels -1 and +1
    return "'" + cell if cell.startswith(("=", "+", "-", "@", "\t", "\r")) and not number else cell


if __name__ == "__main__":
    main()
