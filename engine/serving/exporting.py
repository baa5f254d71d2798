"""A finished model as something to take away: its folder, a model card, and a program that asks it."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine import __version__
from engine.errors import DataError
from engine.figures import ENGLISH, as_in, of_100
from engine.models import tfidf
from engine.models.cards import BY_REFERENCE
from engine.paths import read_json, write_json, writing
from engine.serving import alone, alone_words
from engine.serving.rules import IN_AN_EXPORT, Rules

PREDICT, CARD = "predict.py", "README.md"
MOST_LISTED = 30  # classes in the card's table


@dataclass(frozen=True)
class Facts:
    """What the card and the report tell of a model.

    metrics: as metrics.json. rows: texts of each split; empty where the data set was deleted since. settings: as the run
    had them.
    """

    run_id: str
    name: str
    reference: str
    model_name: str
    dataset: str
    rows: Mapping[str, int]
    metrics: Mapping
    settings: Mapping[str, object]
    rules: Rules
    date: str
    source: str | None = None  # where a model came from that was not trained here


def write_folder(model: Path, facts: Facts, to: Path) -> Path:
    """Copy the model into the new folder `to`, with card and program. Raises DataError when there is something already."""
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise DataError(f"{to} is there already.", "Choose a new folder.", "exists")
    with writing(to.parent), as_in(ENGLISH):  # the card is read anywhere
        shutil.copytree(model, to, dirs_exist_ok=True)
        write_json(to / IN_AN_EXPORT, facts.rules.exported())
        if tfidf.is_saved_in(model):  # which brings a page of its own
            program = alone_words
            page = _front_matter(facts) + (model / CARD).read_text(encoding="utf-8") + _how_to_ask(facts)
            page += f"\n## Where it is from\n\n{_origin(facts)}\n" if facts.source else ""
        else:
            program = alone
            page = card(facts) if facts.source is None else card_of_imported(facts, _labels_in(model))
        shutil.copyfile(program.__file__, to / PREDICT)
        (to / CARD).write_text(page, encoding="utf-8")
    return to


def write_zip(model: Path, facts: Facts, to: Path) -> Path:
    """The same as a ZIP with one folder in it. Weights do not get smaller by packing, so nothing is compressed.

    Raises DataError when there is something already.
    """
    with new_file(to) as part:
        folder = write_folder(model, facts, part.with_name(f"{to.name}.folder"))
        with zipfile.ZipFile(part, "w") as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, f"{to.stem}/{path.relative_to(folder)}")
    return to


def must_be_new(to: Path) -> None:
    """Raises DataError when there is something already."""
    if to.exists():
        raise DataError(f"{to} is there already.", "Choose a new name.", "exists")


@contextmanager
def new_file(to: Path) -> Iterator[Path]:
    """Where to write what becomes the file `to` once it is whole. Raises DataError when there is something already."""
    must_be_new(to)
    with writing(to.parent), tempfile.TemporaryDirectory(dir=to.parent) as temporary:
        part = Path(temporary) / to.name
        yield part
        part.replace(to)


def card(facts: Facts) -> str:
    """A model card in the format of the Hugging Face hub."""
    test = facts.metrics["test"]
    known = BY_REFERENCE.get(facts.reference)
    of_the_hub = "/" in facts.reference and not Path(facts.reference).is_absolute()
    front = _front_matter(
        facts,
        library_name="transformers",
        license=known.licence.lower() if known else None,
        base_model=facts.reference if of_the_hub else None,
    )
    low, high = facts.metrics["intervals"]["accuracy"]
    base = facts.metrics["baseline"]
    labels = list(test["per_class"])
    rows = [
        f"| {_cell(label)} | {one['precision']:.3f} | {one['recall']:.3f} | {one['f1']:.3f} | {one['support']} |"
        for label, one in list(test["per_class"].items())[:MOST_LISTED]
    ]
    more = f"\n{len(labels) - MOST_LISTED} more classes are not listed.\n" if len(labels) > MOST_LISTED else ""
    learnt = f"{facts.rows['train']:,} texts of" if facts.rows else "texts of"
    settings = "\n".join(f"    {key}: {value}" for key, value in facts.settings.items())
    return f"""{front}# {_cell(facts.name)}

A text classifier for {len(labels)} labels, fine-tuned from {_cell(facts.model_name)}
on {learnt} "{_cell(facts.dataset)}" ({facts.date}).

**Right {of_100(test["accuracy"])} of 100 times** (95% sure: between {of_100(low)} and {of_100(high)}) on
{sum(one["support"] for one in test["per_class"].values()):,} test texts that it had not seen. Counting words
({base["name"]}) is right {of_100(base["accuracy"])} times on the same texts.

## How to use it

    pip install torch transformers
    python predict.py "a text"

or from Python:

    from transformers import pipeline
    pipeline("text-classification", "path/to/this/folder")("a text")

{_told(facts.rules)} A pipeline knows nothing of rules.json.

## Scores on the test texts

accuracy {test["accuracy"]:.4f}, macro-F1 {test["macro_f1"]:.4f}, weighted F1 {test["weighted_f1"]:.4f}

| label | precision | recall | F1 | texts |
| --- | --- | --- | --- | --- |
{chr(10).join(rows)}
{more}
## Limits

It knows only the labels above and answers with one of them, whatever it is asked. Its scores hold for texts like those of
the test; for others, score it on some of them first. Of each text the first {facts.settings.get("max_tokens", "few")} tokens
are read.

## How it was made

Tuneboard {__version__}, with these settings:

{settings}
"""


def _front_matter(facts: Facts, **more: str | None) -> str:
    """What the Hugging Face hub reads of a card: YAML between lines of hyphens, with the scores where there are some."""
    from huggingface_hub import EvalResult, ModelCardData

    test = facts.metrics.get("test")
    results = [
        EvalResult(
            task_type="text-classification",
            dataset_type="private",
            dataset_name=facts.dataset,
            dataset_split="test",
            metric_type=kind,
            metric_name=name,
            metric_value=round(test[key], 4),
        )
        for kind, key, name in (("accuracy", "accuracy", "accuracy"), ("f1", "macro_f1", "macro-F1"))
        if test
    ]
    data = ModelCardData(
        pipeline_tag="text-classification",
        tags=["text-classification", "tuneboard"],
        **more,
        **({"model_name": facts.name, "eval_results": results} if results else {}),
    )
    return f"---\n{data.to_yaml()}\n---\n\n"


def _labels_in(model: Path) -> list[str]:
    named = read_json(model / "config.json")["id2label"]
    return [named[str(number)] for number in range(len(named))]


def _told(rules: Rules) -> str:
    """What predict.py does with the answers, and a pipeline does not."""
    found = []
    if rules.thresholds:
        found.append("answers that are less sure than the threshold of their label are marked for a person")
    elif rules.sends_all:
        found.append("every answer is marked for a person")
    elif rules.threshold:
        found.append(f"answers below {rules.threshold:.0%} sure are marked for a person")
    if rules.temperature != 1.0:
        found.append(f"its confidence is corrected by the temperature {rules.temperature:.3g}, which divides the logits")
    if not found:
        return "No threshold is set and its confidence is as it came from the training (rules.json)."
    return f"In predict.py, as set in rules.json: {'; '.join(found)}."


def _how_to_ask(facts: Facts) -> str:
    """The part of the card on a model that counts words."""
    return f"""
## Without Tuneboard

    python predict.py "a text"

It needs Python and nothing else. {_told(facts.rules)}
"""


def card_of_imported(facts: Facts, labels: list[str]) -> str:
    """The card of a model that came from elsewhere: what is not known of it is not told."""
    listed = "\n".join(f"- {_cell(label)}" for label in labels[:MOST_LISTED])
    more = f"\n- and {len(labels) - MOST_LISTED:,} more" if len(labels) > MOST_LISTED else ""
    return f"""{_front_matter(facts, library_name="transformers")}# {_cell(facts.name)}

{_origin(facts)}

## How to use it

    pip install torch transformers
    python predict.py "a text"

{_told(facts.rules)}

## Its labels

{listed}{more}
"""


def _origin(facts: Facts) -> str:
    """Of a model from elsewhere: from where, and how right it is as far as that is known."""
    test = facts.metrics.get("test")
    scored = (
        f"Right {of_100(test['accuracy'])} of 100 times (macro-F1 {test['macro_f1']:.3f}) on the test texts of "
        f'"{_cell(facts.dataset)}"; whether it had learnt from them is not known.'
        if test
        else "It was not scored."
    )
    source = _cell(facts.source or "")
    return f"""A text classifier that came from {source}, where its licence and its history are to be looked up.
{scored}"""


def _cell(text: str) -> str:
    """What people wrote, in a Markdown page: shown as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>()#+-!|~$" else letter for letter in " ".join(text.split()))
