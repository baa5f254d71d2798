"""A finished model as something to take away: its folder, a model card, and a program that asks it."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine import __version__
from engine.errors import DataError
from engine.figures import ENGLISH, as_in, of_100
from engine.models import tfidf
from engine.models.cards import BY_REFERENCE
from engine.names import in_markdown
from engine.paths import read_json, replace_folder, write_json, writing
from engine.serving import alone, alone_words
from engine.serving.rules import IN_AN_EXPORT, Rules, described

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
        raise DataError(f"{to} already exists.", "Choose a new folder.", "exists")
    with (
        writing(to.parent, named=True),
        tempfile.TemporaryDirectory(dir=to.parent) as temporary,
        as_in(ENGLISH),  # the card is read anywhere
    ):
        part = Path(temporary) / to.name
        shutil.copytree(model, part, copy_function=shutil.copyfile)  # weights are written for their owner alone
        write_json(part / IN_AN_EXPORT, facts.rules.exported())
        if tfidf.is_saved_in(model):
            program, page = alone_words, card_of_words(facts, tfidf.load(model).labels)
        else:
            program = alone
            page = card(facts) if facts.source is None else card_of_imported(facts, _labels_in(model))
        shutil.copyfile(program.__file__, part / PREDICT)
        (part / CARD).write_text(page, encoding="utf-8")
        replace_folder(part, to)
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
        raise DataError(f"{to} already exists.", "Choose a new name.", "exists")


@contextmanager
def new_file(to: Path) -> Iterator[Path]:
    """Where to write what becomes the file `to` once it is whole. Raises DataError when there is something already."""
    must_be_new(to)
    with writing(to.parent, named=True), tempfile.TemporaryDirectory(dir=to.parent) as temporary:
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
    base, labels = facts.metrics["baseline"], list(test["per_class"])
    learnt = f"{facts.rows['train']:,} texts of" if facts.rows else "texts of"
    settings = "\n".join(f"    {key}: {value}" for key, value in facts.settings.items())
    return f"""{front}# {in_markdown(facts.name)}

A text classifier for {len(labels)} labels, fine-tuned from {in_markdown(facts.model_name)}
on {learnt} "{in_markdown(facts.dataset)}" ({facts.date}).

{_right(facts.metrics)}. Word counting
({base["name"]}) is right {of_100(base["accuracy"])} of 100 times on the same texts.

## How to use it

    pip install torch transformers
    python predict.py "a text"

or from Python:

    from transformers import pipeline
    pipeline("text-classification", "path/to/this/folder")("a text")

A pipeline ignores rules.json, which predict.py applies to the answers.

{described(facts.rules, labels, PREDICT, IN_AN_EXPORT)}

## Scores on the test texts

{_scores(test)}
## Limits

It knows only the labels above and answers every text with one of them. Its scores hold for texts like the test texts;
for others, score it on some of them first. Only the first {facts.settings.get("max_tokens", "few")} tokens of each text are
read.

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


def card_of_words(facts: Facts, labels: Sequence[str]) -> str:
    """The card of a model that counts words, trained here or brought from elsewhere."""
    if facts.source is None:
        about = f"## Scores\n\n{_right(facts.metrics)}.\n\n{_scores(facts.metrics['test'])}"
    else:
        about = f"## Where it is from\n\n{_origin(facts)}\n"
    return f"""{_front_matter(facts)}{tfidf.about(labels)}
## Without Tuneboard

    python predict.py "a text"

It needs Python and nothing else. {described(facts.rules, labels, PREDICT, IN_AN_EXPORT)}

{about}"""


def card_of_imported(facts: Facts, labels: list[str]) -> str:
    """The card of a model that came from elsewhere: what is not known of it is not told."""
    listed = "\n".join(f"- {in_markdown(label)}" for label in labels[:MOST_LISTED])
    more = f"\n- and {len(labels) - MOST_LISTED:,} more" if len(labels) > MOST_LISTED else ""
    return f"""{_front_matter(facts, library_name="transformers")}# {in_markdown(facts.name)}

{_origin(facts)}

## How to use it

    pip install torch transformers
    python predict.py "a text"

{described(facts.rules, labels, PREDICT, IN_AN_EXPORT)}

## Its labels

{listed}{more}
"""


def _right(metrics: Mapping) -> str:
    """The score in a sentence, without its full stop."""
    test, (low, high) = metrics["test"], metrics["intervals"]["accuracy"]
    return f"""**Right {of_100(test["accuracy"])} of 100 times** (95% sure: between {of_100(low)} and {of_100(high)}) on
{sum(one["support"] for one in test["per_class"].values()):,} test texts that it had not seen"""


def _scores(test: Mapping) -> str:
    """All scores on the test texts, and those of each class."""
    rows = [
        f"| {in_markdown(label)} | {one['precision']:.3f} | {one['recall']:.3f} | {one['f1']:.3f} | {one['support']} |"
        for label, one in list(test["per_class"].items())[:MOST_LISTED]
    ]
    unlisted = len(test["per_class"]) - MOST_LISTED
    more = f"\n{unlisted} more classes are not listed.\n" if unlisted > 0 else ""
    return f"""accuracy {test["accuracy"]:.4f}, macro-F1 {test["macro_f1"]:.4f}, weighted F1 {test["weighted_f1"]:.4f}

| label | precision | recall | F1 | texts |
| --- | --- | --- | --- | --- |
{chr(10).join(rows)}
{more}"""


def _origin(facts: Facts) -> str:
    """Of a model from elsewhere: from where, and how right it is as far as that is known."""
    test = facts.metrics.get("test")
    scored = (
        f"Right {of_100(test['accuracy'])} of 100 times (macro-F1 {test['macro_f1']:.3f}) on the test texts of "
        f'"{in_markdown(facts.dataset)}"; it is not known whether it was trained on them.'
        if test
        else "It was not scored."
    )
    source = in_markdown(facts.source or "")
    return f"""A text classifier that came from {source}, where you can look up its licence and history.
{scored}"""
