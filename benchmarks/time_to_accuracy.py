"""How soon one has a model as good as transformers.Trainer's: python -m benchmarks.time_to_accuracy FOLDER [options]

Trainer, with its defaults (3 epochs, batches of 8, fp32), sets the mark: its test accuracy at the end. Then the presets of
Tuneboard, each by its real command line, `python -m engine train TRAIN --test TEST --preset P`. The first line that reaches
the mark counts; of those that do, the cheapest is named below the table.

All costs are in, from the start of a process to its end: imports, reading the file, loading the model, tokenizing, training,
scoring the test rows, saving. Trainer learns from all rows and writes no checkpoints (by default it would, at a cost);
Tuneboard holds back validation rows from them, checks the data, scores each round, trains word counting for comparison and
loads the saved model again to verify it. Whether a set brings a valid.csv is ignored by both.

Each in turn (Trainer, quick, balanced, Trainer, ...), once for each seed. Accuracy: the mean over the seeds; seconds: the
median; ratio: the median over the seeds of a preset's seconds by Trainer's in the same turn.

Trainer needs accelerate (measured: 1.15.0); benchmarks/training_speed.py says more.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks import common
from benchmarks.training_speed import accuracy, check_trainer, trainer

SETS = ("sst2", "emotion", "banking77")
PRESETS = ("quick", "balanced")
TRAINER, EPOCHS, SEEDS = "Trainer", 3, 3
WHOLE = 512  # tokens: the limit of the bundled model's tokenizer, which Trainer's users get by truncation=True


def main() -> None:
    parser = common.arguments(__doc__, SETS, SEEDS)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=("quick", "balanced", "thorough"))
    parser.add_argument("--trainer-python", type=Path, default=Path(sys.executable), metavar="PATH")
    asked = parser.parse_args()
    if common.measure(asked, {TRAINER: with_trainer}):
        return
    check_trainer(asked.trainer_python, needed=True)
    for name in asked.sets:
        common.parts(asked.folder, name)
    records = common.Records(asked.json)
    for name in asked.sets:
        compare(name, asked, records)


def compare(name: str, asked, records: common.Records) -> None:
    from engine.models.catalogue import bundled_folder

    train, test = common.parts(asked.folder, name)
    with tempfile.TemporaryDirectory() as folder:
        if asked.rows:
            train = common.write(Path(folder) / "train.csv", common.some(common.read(train), asked.rows))
        for seed in range(1, asked.seeds + 1):
            for contestant in (TRAINER, *asked.presets):
                if contestant == TRAINER:
                    task = {"train": str(train.resolve()), "test": str(test.resolve()), "seed": seed}
                    found = common.in_process(
                        "benchmarks.time_to_accuracy",
                        asked.folder,
                        TRAINER,
                        {**task, "model": str(bundled_folder())},
                        asked.trainer_python,
                    )
                else:
                    whole = common.train_command(train, test, contestant, f"seed={seed}")
                    found = {
                        "accuracy": whole["metrics"]["accuracy"],
                        "rows": whole["rows"],
                        "wall": whole["wall"],
                    }
                records.add(set=name, contestant=contestant, seed=seed, **found)
                common.told(f"{name}, seed {seed}, {contestant}: {found['accuracy']:.4f} in {found['wall']:.1f} s")
    print(f"\n{name}\n\n{table(name, asked.presets, records)}", flush=True)


def table(name: str, presets: list[str], records: common.Records) -> str:
    theirs = records.of(set=name, contestant=TRAINER)
    mark = statistics.mean(one["accuracy"] for one in theirs)
    lines, reached = [], {}
    for contestant in (TRAINER, *presets):
        mine = records.of(set=name, contestant=contestant)
        ratio = statistics.median(a["wall"] / b["wall"] for a, b in zip(mine, theirs, strict=True))
        reaches = statistics.mean(one["accuracy"] for one in mine) >= mark
        if reaches and contestant != TRAINER:
            reached[contestant] = ratio
        rows = mine[0]["rows"]
        lines.append(
            [
                contestant if contestant == TRAINER else f"Tuneboard, {contestant}",
                f"{rows['train']:,} / {rows.get('validation', 0):,} / {rows['test']:,}",
                common.several([one["accuracy"] for one in mine], ".4f"),
                f"{statistics.median(one['wall'] for one in mine):,.1f}",
                "the mark" if contestant == TRAINER else "yes" if reaches else "no",
                f"{ratio:.2f}",
            ]
        )
    header = ["", "rows to train / validate / test", "test accuracy", "seconds", "reaches it", "ratio"]
    cheapest = min(reached, key=reached.get) if reached else None
    return common.markdown(header, lines) + (
        f"\nTrainer's accuracy is reached in {reached[cheapest]:.2f} of its time, by {cheapest}.\n"
        if cheapest
        else "\nTrainer's accuracy is not reached by any of these presets.\n"
    )


def with_trainer(task: dict) -> dict:
    """Read, tokenize, train, save and predict the test rows, with transformers.Trainer's defaults."""
    rows, test = common.read(task["train"]), common.read(task["test"])
    classes = sorted(set(rows.labels))
    settings = {"epochs": EPOCHS, "max_tokens": WHOLE}
    targets = [classes.index(label) for label in rows.labels]
    prepared = trainer(rows.texts, targets, classes, task["model"], settings, seed=task["seed"])
    prepared.train()
    with tempfile.TemporaryDirectory() as folder:
        prepared.model.save_pretrained(folder)
    return {
        "accuracy": accuracy(prepared.model, task["model"], test, classes, settings),
        "rows": {"train": len(rows.texts), "test": len(test.texts)},
    }


if __name__ == "__main__":
    main()
