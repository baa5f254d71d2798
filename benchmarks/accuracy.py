"""What the presets reach on public data sets: python -m benchmarks.accuracy FOLDER [options]

Runs the real command line, `python -m engine train TRAIN --test TEST --preset P --set seed=S --json`, for each set, preset
and seed, and prints what it answers: accuracy (mean, then each seed), macro-F1, the F1 of the class spam for sms_spam, the
seconds of the whole command (median), and word counting (TF-IDF + logistic regression), which each run trains beside it.

"wanted" is what a preset has to reach on average; a number that falls short is marked. Quick has to beat word counting and
to take at most a third of Balanced's seconds.

The test rows are the official ones. Tuneboard takes its validation rows out of train.csv by itself; a valid.csv is not used,
neither for training nor for choosing a round. (A table with a column that says train, validation or test is split by that
column, but not together with --test.)
"""

import statistics
import tempfile
from pathlib import Path

from benchmarks import common

SETS = ("sst2", "emotion", "banking77", "sms_spam")
PRESETS = ("quick", "balanced", "thorough")
SEEDS = 3
SPAM = "spam"  # the class whose F1 counts for sms_spam, where seven of eight rows are ham
WANTED = {
    ("balanced", "sst2"): 0.89,
    ("balanced", "emotion"): 0.925,
    ("balanced", "banking77"): 0.915,
    ("balanced", "sms_spam"): 0.965,
    ("thorough", "sst2"): 0.90,
    ("thorough", "banking77"): 0.925,
}
QUICK_SHARE = 1 / 3


def main() -> None:
    parser = common.arguments(__doc__, SETS, SEEDS)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=PRESETS)
    asked = parser.parse_args()
    files = {name: common.parts(asked.folder, name) for name in asked.sets}
    records = common.Records(asked.json)
    for name, (train, test) in files.items():
        with tempfile.TemporaryDirectory() as folder:
            if asked.rows:
                train = common.write(Path(folder) / "train.csv", common.some(common.read(train), asked.rows))
            for seed in range(1, asked.seeds + 1):
                for preset in asked.presets:
                    found = common.train_command(train, test, preset, f"seed={seed}")
                    records.add(set=name, preset=preset, seed=seed, **kept(found))
                    common.told(
                        f"{name}, seed {seed}, {preset}: {found['metrics']['accuracy']:.4f} in {found['wall']:.1f} s"
                    )
        print(f"\n{name}\n\n{table(name, asked.presets, records)}", flush=True)


def kept(found: dict) -> dict:
    metrics = found["metrics"]
    return {
        "accuracy": metrics["accuracy"],
        "macro_f1": metrics["macro_f1"],
        "spam_f1": metrics["per_class"].get(SPAM, {}).get("f1"),
        "baseline": found["baseline"]["accuracy"],
        "baseline_macro_f1": found["baseline"]["macro_f1"],
        "rows": found["rows"],
        "seconds": found["seconds"],
        "wall": found["wall"],
    }


def table(name: str, presets: list[str], records: common.Records) -> str:
    balanced = records.of(set=name, preset="balanced")
    lines = []
    for preset in presets:
        mine = records.of(set=name, preset=preset)
        seconds = statistics.median(one["wall"] for one in mine)
        share = seconds / statistics.median(one["wall"] for one in balanced) if balanced else None
        spam = [one["spam_f1"] for one in mine if one["spam_f1"] is not None]
        rows = mine[0]["rows"]
        lines.append(
            [
                preset,
                f"{rows['train']:,} / {rows['validation']:,} / {rows['test']:,}",
                common.several([one["accuracy"] for one in mine], ".4f"),
                common.several([one["macro_f1"] for one in mine], ".4f"),
                common.several(spam, ".4f") if spam else "",
                common.several([one["baseline"] for one in mine[:1]], ".4f"),
                f"{seconds:,.1f}",
                f"{share:.2f}" if share else "",
                verdict(name, preset, mine, share),
            ]
        )
    header = ["preset", "rows to train / validate / test", "accuracy", "macro-F1", "F1 of spam"]
    header += ["word counting", "seconds", "seconds / Balanced's", "wanted"]
    return common.markdown(header, lines)


def verdict(name: str, preset: str, mine: list[dict], share: float | None) -> str:
    """What is wanted of the preset, each with ✓ or ✗."""
    mean = {key: statistics.mean(one[key] for one in mine) for key in ("accuracy", "baseline")}
    claims = []
    if (wanted := WANTED.get((preset, name))) is not None:
        what = "spam_f1" if name == "sms_spam" else "accuracy"
        found = statistics.mean(one[what] or 0.0 for one in mine)
        claims.append((f"{'F1 of spam' if what == 'spam_f1' else 'accuracy'} {wanted}", found >= wanted))
    if preset == "quick":
        claims.append(("beats word counting", mean["accuracy"] > mean["baseline"]))
        if share is not None:
            claims.append(("a third of Balanced's seconds", share <= QUICK_SHARE))
    return ", ".join(f"{claim} {'✓' if good else '✗'}" for claim, good in claims)


if __name__ == "__main__":
    main()
