"""What a few labelled texts give: python -m benchmarks.few_shot FOLDER [--setfit-python PATH] [options]

8 and 64 rows of each class (--shots), drawn by chance from the training rows, five times (--seeds). Each draw goes, in
turn, to

  every preset      by the real command line, with the official test rows as --test. Of the few rows the product holds some
                    back for validation, as it does for everyone; "learnt from" says how many are left
  SetFit            1.2.0 (Tunstall et al. 2022, "Efficient Few-Shot Learning Without Prompts") with the same bundled model
                    and its defaults: contrastive pairs by oversampling, 1 epoch, batches of 16, then a logistic regression.
                    The pairs grow with the square of the rows: 8 rows of 77 classes are 370 thousand of them. --setfit-steps
                    caps the steps (max_steps); the table then says so, and how many steps there would have been
  word counting     the product's TF-IDF + logistic regression on the same rows, none held back

Accuracy: mean and standard deviation over the draws. Seconds: of the whole process, from start to end, imports and the test
included; the median. Ratio: the median over the draws of a contestant's seconds by SetFit's on the same draw; without SetFit
by word counting's.

SetFit is no requirement of Tuneboard and lives in an environment of its own, which also holds accelerate for the other
benchmarks' --trainer-python (measured: setfit 1.2.0, sentence-transformers 6.2.0, datasets 5.2.0, accelerate 1.15.0):

  python3 -m venv /tmp/peers
  /tmp/peers/bin/pip install torch==2.13.0 transformers==5.23.0 setfit==1.2.0 accelerate==1.15.0
  python -m benchmarks.few_shot FOLDER --setfit-python /tmp/peers/bin/python
"""

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks import common

SETS = ("sst2", "emotion", "banking77")
PRESETS = ("quick", "balanced", "thorough")
SHOTS, DRAWS = (8, 64), 5
SETFIT, COUNTING = "SetFit", "word counting"


def main() -> None:
    parser = common.arguments(__doc__, SETS, DRAWS)
    parser.add_argument("--shots", type=int, nargs="+", default=list(SHOTS), help="rows of each class")
    parser.add_argument("--presets", nargs="*", default=list(PRESETS), choices=PRESETS)
    parser.add_argument("--setfit-python", type=Path, metavar="PATH", help="a Python that has setfit")
    parser.add_argument("--setfit-steps", type=int, default=-1, metavar="N", help="at most so many steps")
    asked = parser.parse_args()
    if common.measure(asked, {SETFIT: by_setfit, COUNTING: by_counting}):
        return
    if asked.setfit_python and not asked.setfit_python.exists():
        raise SystemExit(f"There is no {asked.setfit_python}. The docstring of this file says how to make it.")
    files = {name: common.parts(asked.folder, name) for name in asked.sets}
    records = common.Records(asked.json)
    for name, (train, test) in files.items():
        rows = common.some(common.read(train), asked.rows)
        for shots in asked.shots:
            for draw in range(1, asked.seeds + 1):
                compare(name, common.shots(rows, shots, draw), test, shots, draw, asked, records)
            print(f"\n{name}, {shots} rows of each class\n")
            print(table(records.of(set=name, shots=shots)), flush=True)


def compare(name: str, drawn: common.Rows, test: Path, shots: int, draw: int, asked, records) -> None:
    from engine.models.catalogue import bundled_folder

    with tempfile.TemporaryDirectory() as folder:
        train = common.write(Path(folder) / "few.csv", drawn)
        task = {
            "train": str(train),
            "test": str(test.resolve()),
            "seed": draw,
            "model": str(bundled_folder()),
        }
        ways = {COUNTING: lambda: common.in_process("benchmarks.few_shot", asked.folder, COUNTING, task)}
        if asked.setfit_python:
            steps = {"most_steps": asked.setfit_steps}
            ways[SETFIT] = lambda: common.in_process(
                "benchmarks.few_shot", asked.folder, SETFIT, task | steps, asked.setfit_python
            )
        for preset in asked.presets:
            ways[f"Tuneboard, {preset}"] = lambda preset=preset: by_preset(train, test, preset, draw)
        for contestant, work in ways.items():
            found = work()
            records.add(set=name, shots=shots, draw=draw, contestant=contestant, **found)
            common.told(
                f"{name}, {shots} rows of each class, draw {draw}, {contestant}: "
                f"{found['accuracy']:.4f} in {found['wall']:.1f} s"
            )


def by_preset(train: Path, test: Path, preset: str, seed: int) -> dict:
    found = common.train_command(train, test, preset, f"seed={seed}")
    return {
        "accuracy": found["metrics"]["accuracy"],
        "learnt": found["rows"]["train"],
        "tested": found["rows"]["test"],
        "wall": found["wall"],
    }


def table(records: list[dict]) -> str:
    by_contestant: dict[str, list[dict]] = {}
    for one in records:
        by_contestant.setdefault(one["contestant"], []).append(one)
    beside = SETFIT if SETFIT in by_contestant else COUNTING
    lines = []
    for contestant, mine in by_contestant.items():
        accuracies = [one["accuracy"] for one in mine]
        ratio = [a["wall"] / b["wall"] for a, b in zip(mine, by_contestant[beside], strict=True)]
        capped = [one for one in mine if one.get("steps", 0) < one.get("whole_steps", 0)]
        note = f" (capped at {capped[0]['steps']:,} of {capped[0]['whole_steps']:,} steps)" if capped else ""
        lines.append(
            [
                contestant + note,
                f"{mine[0]['learnt']:,}",
                f"{mine[0]['tested']:,}",
                f"{statistics.mean(accuracies):.4f}",
                f"{statistics.stdev(accuracies):.4f}" if len(mine) > 1 else "",
                f"{statistics.median(one['wall'] for one in mine):,.1f}",
                f"{statistics.median(ratio):.2f}",
            ]
        )
    header = [
        "",
        "learnt from",
        "tested on",
        "accuracy, mean",
        "deviation",
        "seconds",
        f"seconds / {beside}'s",
    ]
    return common.markdown(header, lines)


# -- in the process of a contestant -----------------------------------------------------------------


def by_setfit(task: dict) -> dict:
    try:
        from datasets import Dataset
        from setfit import SetFitModel, Trainer, TrainingArguments
    except ImportError as error:
        raise SystemExit(f"SetFit cannot be used in {sys.executable}: {error}") from None

    rows, test = common.read(task["train"]), common.read(task["test"])
    classes = sorted(set(rows.labels))
    model = SetFitModel.from_pretrained(task["model"], labels=classes)
    steps = []
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=task["most_steps"],
            seed=task["seed"],
            report_to="none",
            save_strategy="no",
            show_progress_bar=False,
        )
        data = Dataset.from_dict({"text": rows.texts, "label": [classes.index(label) for label in rows.labels]})
        learning = Trainer(model=model, args=arguments, train_dataset=data)
        learning.train()
        steps = learning.st_trainer.state.global_step
    predicted = model.predict(test.texts, show_progress_bar=False)
    return {
        "accuracy": _right(predicted, test.labels),
        "learnt": len(rows.texts),
        "tested": len(test.texts),
        "steps": int(steps),
        "whole_steps": whole_steps(rows.labels, arguments.batch_size[0]),
    }


def whole_steps(labels: list[str], batch_size: int) -> int:
    """Steps of SetFit's own epoch: pairs within classes (a text with itself too), those across, the fewer repeated."""
    counts = [labels.count(label) for label in set(labels)]
    within = sum(count * (count + 1) // 2 for count in counts)
    across = len(labels) * (len(labels) + 1) // 2 - within
    return -(-2 * max(within, across) // batch_size)


def by_counting(task: dict) -> dict:
    from engine.evaluation.baseline import word_counting

    rows, test = common.read(task["train"]), common.read(task["test"])
    predicted = word_counting(rows.texts, rows.labels, test.texts)
    return {
        "accuracy": _right(predicted, test.labels),
        "learnt": len(rows.texts),
        "tested": len(test.texts),
    }


def _right(predicted, labels: list[str]) -> float:
    return sum(str(one) == label for one, label in zip(predicted, labels, strict=True)) / len(labels)


if __name__ == "__main__":
    main()
