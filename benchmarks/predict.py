"""How fast a finished model answers: python -m benchmarks.predict FOLDER [options]

Trains the bundled MiniLM (preset Quick, --learn texts of SST-2, 256 tokens read at most), then in turn, round after round:

- a whole file: the job behind `predict --file` (engine/serving/batch.py), opening of the model left out, on --texts texts;
  transformers.pipeline on --peer of them, drawn by chance, at the batch size that was its best of {sizes} in the first
  round; and the same weights in bf16 and in int8 (dynamic quantization), for their speed and the labels they change.
  Once on SST-2 as it is, once on texts of several sentences, put together from it.
- one text of 30 words: Predictor.predict as the Predict page calls it, the bare forward pass (tokenizer and model in
  inference_mode) and the pipeline.

Wanted: 2.5 times the pipeline; at most 1.3 times the bare pass. Ratios are of neighbours in time, and their median counts.
With --memory ROWS only: `python -m engine predict --file` on a CSV of so many rows, by word counting and by MiniLM (on a
hundredth of them), with the most memory that it held.
"""

import argparse
import csv
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import common
from benchmarks.forecast import engine

SIZES = (1, 8, 16, 32, 64)
WORDS, SENTENCES, TOKENS = 30, (5, 12), 256
WANTED_TIMES, WANTED_LATENCY = 2.5, 1.3


def main() -> None:
    about = __doc__.replace("{sizes}", ", ".join(map(str, SIZES)))
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the public data sets, a folder each")
    parser.add_argument("--learn", type=int, default=600, help="texts to train on (default: %(default)s)")
    parser.add_argument("--texts", type=int, default=6000, help="short ones, 0: none (default: %(default)s)")
    parser.add_argument("--long", type=int, default=2500, help="long ones, 0: none (default: %(default)s)")
    parser.add_argument("--peer", type=int, default=300, help="for the pipeline (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--singles", type=int, default=60, help="answers of each (default: %(default)s)")
    parser.add_argument("--memory", type=int, metavar="ROWS", help="only the memory, on so many rows")
    asked = parser.parse_args()
    rows = common.read(common.parts(asked.folder, "sst2")[0])
    with tempfile.TemporaryDirectory(prefix="tuneboard-benchmark-") as folder:
        learnt = common.write(Path(folder) / "learn.csv", common.some(rows, asked.learn))
        training = [str(learnt), "--workspace", folder, "--json"]
        quick = ["--preset", "quick", "--set", f"max_tokens={TOKENS}"]
        model = Path(engine("train", *training, *quick)["folder"])
        if asked.memory:
            counted = Path(engine("train", *training, "--model", "tfidf")["folder"])
            memory(Path(folder), rows.texts, {counted: asked.memory, model: asked.memory // 100})
            return
        for name, count, sentences in (("SST-2", asked.texts, (1, 1)), ("long", asked.long, SENTENCES)):
            if count:
                throughput(Path(folder), model, name, drawn(rows.texts, count, sentences), asked)
        latency(model, drawn(rows.texts, asked.singles, (4, 4)))


def drawn(texts: list[str], count: int, sentences: tuple[int, int]) -> list[str]:
    """`count` texts, each of so many of the given ones."""
    chance = random.Random(0)  # noqa: S311 (no secret)
    return [" ".join(chance.sample(texts, chance.randint(*sentences))) for _ in range(count)]


def throughput(folder: Path, model: Path, name: str, texts: list[str], asked: argparse.Namespace) -> None:
    from transformers import pipeline

    from engine.serving.predictor import Predictor

    exact = Predictor(model)
    some = random.Random(1).sample(texts, asked.peer)  # noqa: S311 (no secret)
    peer = pipeline("text-classification", str(model), device=-1)
    peer(some[:32], batch_size=8, truncation=True)
    speeds: dict[str, list[float]] = {}
    for turn in range(asked.rounds):
        fast = Predictor(model)  # as each job opens it, and finds out for itself how it may compute
        speeds.setdefault("Tuneboard, the whole job", []).append(
            len(texts) / seconds(lambda turn=turn, fast=fast: job(folder / f"{name}-{turn}", fast, texts))
        )
        if turn == 0:
            by_size = {size: seconds(lambda size=size: peer(some, batch_size=size, truncation=True)) for size in SIZES}
            best = min(by_size, key=by_size.get)
        speeds.setdefault(f"pipeline, batches of {best}", []).append(
            len(some) / seconds(lambda best=best: peer(some, batch_size=best, truncation=True))
        )
        speeds.setdefault("Tuneboard in fp32", []).append(len(some) / seconds(lambda: exact.probabilities(some)))
        speeds.setdefault("Tuneboard in int8", []).append(len(some) / seconds(lambda: quantized(exact, some)))
    labels = exact.probabilities(some).argmax(axis=1)
    same = {
        "Tuneboard, the whole job": (fast.probabilities(some).argmax(axis=1) == labels).mean(),
        "Tuneboard in int8": (quantized(exact, some).argmax(axis=1) == labels).mean(),
    }
    ours = speeds["Tuneboard, the whole job"]
    lines = []
    for what, found in speeds.items():
        ratio = statistics.median(mine / other for mine, other in zip(ours, found, strict=True))
        mark = "" if "pipeline" not in what else " ✓" if ratio >= WANTED_TIMES else " ✗"
        lines.append([name, what, common.several(found, ".0f"), f"{ratio:.2f}{mark}",
                      f"{same[what]:.2%}" if what in same else ""])  # fmt: skip
    way = fast.model.model.dtype
    print(common.markdown(["texts", f"the job computes in {way}", "texts/s", "the job is faster by", "same labels"], lines))


def job(folder: Path, predictor, texts: list[str]) -> None:
    """All that `predict --file` does once the file is read and the model open, but writing the result."""
    import pandas as pd

    from engine.paths import BatchPaths
    from engine.serving import batch

    paths = BatchPaths(folder)
    batch.write_table(pd.DataFrame({"text": texts}, dtype="str"), paths)
    batch.begin(paths, "texts.csv", "text")
    batch.answer(paths, predictor)


def quantized(predictor, texts: list[str]):
    """Probabilities by the same model with int8 weights, which are made once."""
    import torch

    from engine.training.scoring import probabilities
    from engine.training.tokens import tokenize

    opened = predictor.model
    if not hasattr(predictor, "int8"):
        predictor.int8 = torch.ao.quantization.quantize_dynamic(opened.model, {torch.nn.Linear}, dtype=torch.qint8)
    return probabilities(predictor.int8, tokenize(opened.tokenizer, texts, opened.max_tokens))


def latency(model: Path, texts: list[str]) -> None:
    import torch
    from transformers import pipeline

    from engine.serving.predictor import Predictor

    predictor, peer = Predictor(model), pipeline("text-classification", str(model), device=-1)
    tokenizer, net = peer.tokenizer, peer.model.eval()

    def bare(text: str) -> None:
        with torch.inference_mode():
            net(**tokenizer([text], truncation=True, return_tensors="pt")).logits.softmax(dim=-1).tolist()

    ways: dict[str, Callable[[str], object]] = {
        "Predictor.predict": lambda text: predictor.predict([text]),
        "bare forward pass": bare,
        "pipeline": lambda text: peer(text, top_k=None, truncation=True),
    }
    short = [" ".join(text.split()[:WORDS]) for text in texts]
    for way in ways.values():
        way(short[0])
    found = {name: [] for name in ways}
    for text in short:
        for name, way in ways.items():
            found[name].append(1000 * seconds(lambda way=way, text=text: way(text)))
    lines = []
    for name, times in found.items():
        ratio = statistics.median(mine / other for mine, other in zip(found["Predictor.predict"], times, strict=True))
        mark = "" if name != "bare forward pass" else " ✓" if ratio <= WANTED_LATENCY else " ✗"
        high = sorted(times)[int(0.95 * len(times))]
        lines.append([name, f"{statistics.median(times):.1f} ms", f"{high:.1f} ms", f"{ratio:.2f}{mark}"])
    print(common.markdown([f"one text of {WORDS} words", "median", "95%", "Predictor takes so many times as long"], lines))


def memory(folder: Path, texts: list[str], models: dict[Path, int]) -> None:
    lines = []
    for model, rows in models.items():
        path, chance = folder / "rows.csv", random.Random(2)  # noqa: S311 (no secret)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text"])
            writer.writerows((number, chance.choice(texts)) for number in range(rows))
        size, start = path.stat().st_size, time.perf_counter()
        most = held("predict", model, "--file", path, "--out", folder / "out.csv", "--workspace", folder)
        kind = "word counting" if (model / "word_counting.json").exists() else "MiniLM"
        lines.append([kind, f"{rows:,}", f"{size / 2**20:.0f} MiB", f"{time.perf_counter() - start:.0f} s",
                      f"{most / 2**20:,.0f} MiB"])  # fmt: skip
    print(common.markdown(["model", "rows", "file", "the whole command", "most memory"], lines))


def held(*arguments: object) -> int:
    """The most memory, in bytes, that a command of the engine held."""
    command = [sys.executable, "-m", "engine", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=common.ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{arguments[0]} failed.")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
