#!/usr/bin/env python3
"""Ask this model about texts. It counts words, and needs Python and nothing else.

python predict.py "Where is my parcel?" "It broke after a day."
python predict.py --file texts.txt          one text per line; answers as CSV on the standard output
"""

import argparse
import csv
import json
import math
import re
import struct
import sys
from array import array
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
WORDS, NUMBERS = FOLDER / "word_counting.json", FOLDER / "word_counting.safetensors"
# threshold: below this confidence a person answers (0: never, 1.01: always); thresholds: {answer: its own}.
# temperature: divides the scores.
RULES = FOLDER / "rules.json"


def rules() -> dict:
    """threshold, thresholds, temperature; without the file they change nothing."""
    found = json.loads(RULES.read_text(encoding="utf-8")) if RULES.exists() else {}
    return {"threshold": 0.0, "thresholds": {}, "temperature": 1.0, **found}


def numbers() -> dict[str, array]:
    """idf (terms,), weights (classes, terms) row by row, offsets (classes,): the arrays of a safetensors file."""
    data = NUMBERS.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    found = {}
    for name, about in json.loads(data[8 : 8 + size]).items():
        start, end = about["data_offsets"]
        found[name] = array("d", data[8 + size + start : 8 + size + end])
        if sys.byteorder == "big":
            found[name].byteswap()
    return found


def answers(texts: list[str], temperature: float = 1.0) -> list[tuple[str, float, dict[str, float]]]:
    """(label, its probability, the probability of each label) for each text, in the same order."""
    about, table = json.loads(WORDS.read_text(encoding="utf-8")), numbers()
    places = {term: place for place, term in enumerate(about["terms"])}
    found = []
    for text in texts:
        shares = probabilities(vector(text, about["settings"], places, table["idf"]), table, temperature)
        named = dict(zip(about["labels"], shares, strict=True))
        label = max(named, key=named.get)
        found.append((label, named[label], named))
    return found


def vector(text: str, settings: dict, places: dict[str, int], idf: array) -> dict[int, float]:
    """{place of a term: its weight} of the words and pairs of words in a text, of length 1: TF-IDF."""
    words, (least, most) = re.findall(settings["token_pattern"], text.lower()), settings["ngram_range"]
    terms = Counter(
        " ".join(words[start : start + size]) for size in range(least, most + 1) for start in range(len(words) - size + 1)
    )
    known = {places[term]: count for term, count in terms.items() if term in places}
    weighed = {place: (1 + math.log(count)) * idf[place] for place, count in known.items()}
    length = math.hypot(*weighed.values()) or 1.0
    return {place: value / length for place, value in weighed.items()}


def probabilities(values: dict[int, float], table: dict[str, array], temperature: float) -> list[float]:
    """Of each label: logistic regression."""
    weights, terms = table["weights"], len(table["idf"])
    scores = [
        (offset + sum(weights[row * terms + place] * value for place, value in values.items())) / temperature
        for row, offset in enumerate(table["offsets"])
    ]
    raised = [math.exp(score - max(scores)) for score in scores]
    return [one / sum(raised) for one in raised]


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
