"""How long it takes to tell why: python -m benchmarks.explain [options]

Trains the bundled MiniLM (preset Quick, --tokens read at most) and word counting on the sample "support", by the real
command line. Then the seconds of `Predictor.explain`, as the Predict page calls it with the model open, for texts of 8,
25, 100 and 300 words put together from the sample: the median and the longest of --texts texts, beside the time of an
answer. The error tells how far the parts of the words are from adding up, as a share of how far the score moves
(completeness error: engine/models/contributions.py).

Wanted: under 2 seconds for 100 words on two cores. With --steps also single passes of other numbers of steps over texts of
25 and 100 words, by which STEPS in engine/serving/gradients.py was chosen.
"""

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks import common
from benchmarks.forecast import engine
from engine.data.samples import read_sample

WORDS, WANTED, JUDGED = (8, 25, 100, 300), 2.0, 100
STEPS, STEPPED = (8, 16, 20, 24, 32, 48), (25, 100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=5, help="of each length (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=256, help="read at most (default: %(default)s)")
    parser.add_argument("--steps", action="store_true", help="also other numbers of steps")
    asked = parser.parse_args()
    from engine.serving.predictor import Predictor

    sample = read_sample("support").frame["text"].tolist()
    with tempfile.TemporaryDirectory(prefix="tuneboard-benchmark-") as folder:
        training = ["sample:support", "--workspace", folder, "--json"]
        quick = ["--preset", "quick", "--set", f"max_tokens={asked.tokens}"]
        fine_tuned = Predictor(Path(engine("train", *training, *quick)["folder"]))
        counted = Predictor(Path(engine("train", *training, "--model", "tfidf")["folder"]))
        fine_tuned.explain("The first time loads captum, and measures bf16.")
        lines = []
        for name, predictor in (("MiniLM", fine_tuned), ("word counting", counted)):
            for words in WORDS:
                found = [measured(predictor, text) for text in texts(sample, words, asked.texts)]
                lines.append([name, words, *summary(found, words)])
        print(common.markdown(["", "words", "an answer", "why, median", "longest", "largest error"], lines))
        if asked.steps:
            header = ["words", "steps", "seconds, median", "error, median", "largest"]
            print(common.markdown(header, by_steps(fine_tuned, sample, asked.texts)))


def texts(sample: list[str], words: int, count: int) -> list[str]:
    """`count` texts of so many words, each put together from texts of the sample."""
    chance = random.Random(words)  # noqa: S311 (no secret)
    return [" ".join(" ".join(chance.sample(sample, 40)).split()[:words]) for _ in range(count)]


def measured(predictor, text: str) -> tuple[float, float, float]:
    """(seconds of an answer, seconds of its explanation, completeness error)"""
    start = time.perf_counter()
    predictor.predict([text])
    answered = time.perf_counter()
    found = predictor.explain(text)
    return answered - start, time.perf_counter() - answered, found.error


def summary(found: list[tuple[float, float, float]], words: int) -> list[str]:
    answer, why, error = zip(*found, strict=True)
    mark = "" if words != JUDGED else " ✓" if max(why) < WANTED else " ✗"
    return [
        f"{statistics.median(answer) * 1000:.0f} ms",
        f"{statistics.median(why):.2f} s",
        f"{max(why):.2f} s{mark}",
        f"{max(error):.2%}",
    ]


def by_steps(predictor, sample: list[str], count: int) -> list[list[str]]:
    """A single pass each, with the way in one piece."""
    from engine.serving import gradients

    lines, gradients.MOST_PIECES = [], 1
    for words in STEPPED:
        for gradients.STEPS in STEPS:
            _, why, error = zip(*(measured(predictor, text) for text in texts(sample, words, count)), strict=True)
            row = f"{statistics.median(why):.2f}", f"{statistics.median(error):.2%}", f"{max(error):.2%}"
            lines.append([words, gradients.STEPS, *row])
    return lines


if __name__ == "__main__":
    main()
