"""What may be written on the command line."""

import argparse
import re

from engine import __version__
from engine.data import repairs
from engine.preferences import VARIABLES
from engine.settings import TrainingConfig


def positive(written: str) -> int:
    """Raises ArgumentTypeError for what is no whole number from 1 on."""
    if not (written.isdecimal() and int(written)):
        raise argparse.ArgumentTypeError(f"{written} is no whole number from 1 on")
    return int(written)


def minutes(written: str) -> float:
    """Raises ArgumentTypeError for what is no number from 0 on."""
    if not re.fullmatch(r"\d+(\.\d+)?", written):
        raise argparse.ArgumentTypeError(f"{written} is no number of minutes from 0 on")
    return float(written)


def parser() -> argparse.ArgumentParser:
    """What a person may write. `command` is then the name of one of the functions in commands.py."""
    whole = argparse.ArgumentParser(prog="tuneboard", description="Fine-tune a text classifier, judge it and use it.")
    whole.add_argument("--version", action="version", version=__version__)
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, about: str, *arguments: tuple | list[tuple]) -> None:
        """arguments: of a list only one may be given."""
        sub = commands.add_parser(name, help=about, description=about)
        for one in arguments:
            place, among = (sub.add_mutually_exclusive_group(), one) if isinstance(one, list) else (sub, [one])
            for names, options in among:
                place.add_argument(*names, **options)
        sub.add_argument("--workspace", metavar="DIR", help="the folder that everything is kept in (default: ~/.tuneboard)")
        sub.add_argument("--json", action="store_true", help="print one JSON object instead of text")
        sub.set_defaults(command=name)

    def argument(*names: str, **options: object) -> tuple:
        return names, options

    data = argument("data", metavar="DATA", help="a file, sample:support or sample:reviews")
    form = (
        argument(
            "--encoding",
            metavar="NAME",
            help="how the file writes letters, such as cp1252 (default: found out)",
        ),
        argument(
            "--separator",
            metavar="SIGN",
            help="what stands between fields, such as ; or tab (default: found out)",
        ),
        argument("--no-header", action="store_true", help="the first row is data already"),
    )
    reading = (
        *form,
        argument("--test", metavar="FILE", help="a second table, for the test"),
        argument("--group", metavar="COL", help="rows with the same value here stay in one split"),
        argument(
            "--fix",
            action="append",
            default=[],
            metavar="REMEDY",
            help=f"a remedy to apply; may be repeated: {', '.join(repairs.WRITTEN)}",
        ),
    )
    text = argument("--text", metavar="COL", help="the column with the texts (default: proposed)")
    label = argument("--label", metavar="COL", help="the column with the labels (default: proposed)")
    run_id = argument("id", metavar="RUN", help="the id of a run")

    setting = argument(
        "--set",
        action="append",
        default=[],
        metavar="field=value",
        help=f"one of: {', '.join(TrainingConfig.model_fields)}",
    )
    name = argument("--name", default="", help="what to call the run")

    command("check", "Is this table fit to learn from?", data, text, label, *reading)
    training = (
        data,
        text,
        label,
        *reading,
        argument(
            "--model",
            metavar="NAME|PATH",
            help="bundled (default), tfidf (word counting), a folder, a ZIP of one, or a name on the Hugging Face hub",
        ),
        argument("--preset", choices=("quick", "balanced", "thorough"), help="how thorough (default: balanced)"),
        argument(
            "--config",
            metavar="FILE",
            help="settings as YAML, as export --format settings writes them; the other options win over them",
        ),
        setting,
        name,
    )
    command("forecast", "What would a run cost in time and memory? Nothing is trained.", *training)
    command("train", "Fine-tune a model and score it.", *training)
    command(
        "study",
        "Several runs as one question: compare models, presets or values of settings; or --curve, or --search.",
        data,
        text,
        label,
        *reading,
        argument("--models", default="bundled", metavar="A,B", help="models to try, as of train, with commas"),
        argument("--presets", default="balanced", metavar="A,B", help="presets to try, with commas"),
        argument(
            "--set",
            action="append",
            default=[],
            metavar="field=a,b",
            help="values of a setting to try, with commas; one alone holds for all",
        ),
        [
            argument(
                "--curve",
                action="store_true",
                help="would more labels help? the one model and preset on 10, 25, 50 and 100%% of the training texts",
            ),
            argument(
                "--search",
                type=minutes,
                metavar="MINUTES",
                help="search for good settings of the one model for so long, judged on validation",
            ),
        ],
        argument("--name", default="", help="what to call the study"),
    )
    command(
        "studies",
        "Which studies there are, or one of them in detail.",
        argument("id", nargs="?", metavar="STUDY", help="the id of a study"),
        [
            argument("--stop", action="store_true", help="end it early; each run keeps its best epoch"),
            argument("--go-on", action="store_true", help="let a search that ended go on"),
            argument("--delete", action="store_true", help="forget it; its runs stay"),
        ],
        argument("--minutes", type=minutes, default=0.0, metavar="N", help="with --go-on: so much more time"),
    )
    command("runs", "Which runs there are.")
    command("show", "One run in detail.", run_id)
    command(
        "stop",
        "Stop a run; the best epoch so far becomes a model.",
        run_id,
        argument("--discard", action="store_true", help="end without a model"),
    )
    command("pause", "Save the state of a run and make room; resume goes on from there.", run_id)
    command(
        "resume",
        "Let a run that was stopped, paused, interrupted or failed go on, or train a finished one further.",
        run_id,
        argument("--epochs", type=int, metavar="N", help="epochs in total, more than before"),
    )
    command("clone", "Start a new run with the settings and the data of another.", run_id, setting, name)
    command(
        "queue",
        "What waits, the next one first.",
        [
            argument("--pause", action="store_true", help="let nothing more begin"),
            argument("--go-on", action="store_true", help="end the pause"),
        ],
        argument("--first", metavar="RUN", help="let this run be the next"),
        argument("--last", metavar="RUN", help="let this run be the last"),
    )
    command("delete", "Put a run and its model into the trash.", run_id)
    command("restore", "Take a run out of the trash.", run_id)
    command(
        "clean",
        "Free the disk: remove the saved states of runs that have their model.",
        argument("--trash", action="store_true", help="empty the trash as well"),
    )
    costs = (
        argument(
            "--cost",
            action="append",
            default=[],
            metavar="LABEL=COST",
            help="what it costs to give this answer wrongly (default: 5)",
        ),
        argument(
            "--person",
            metavar="COST",
            help="what it costs to ask a person (default: 1)",
        ),
    )
    command(
        "evaluate",
        "The scores of a run, or on a further labelled file.",
        run_id,
        [
            argument("--data", metavar="FILE", help="a labelled table to score instead of the test rows"),
            argument(
                "--on",
                default="test",
                choices=("test", "validation"),
                help="which rows of the run (default: test)",
            ),
        ],
        *costs,
        argument(
            "--all",
            action="store_true",
            help="with --json, which has the figures of the Evaluate page: also the words, examples and curves of each "
            "class, and all points of the coverage curve (hundreds of kilobytes for many classes); doubtful labels: "
            "review --json",
        ),
        text,
        label,
    )
    command(
        "compare",
        "Which of some runs is better, and could the gap be luck?",
        argument("ids", nargs="+", metavar="RUN", help="the ids of two to ten runs"),
        argument(
            "--all",
            action="store_true",
            help="with --json, which has the figures of the Compare page: all texts on which they disagree, not the "
            "first 200",
        ),
    )
    command(
        "rules",
        "Which answers of a run count, and which go to a person? Shown, or chosen.",
        run_id,
        argument("--threshold", metavar="SHARE", help="from which confidence on it answers by itself, such as 0.8"),
        argument(
            "--threshold-of",
            action="append",
            default=[],
            metavar="LABEL=SHARE",
            help="another threshold for one answer; LABEL=person: always a person",
        ),
        argument("--cheapest", action="store_true", help="the thresholds that cost least on the validation texts"),
        *costs,
        argument(
            "--correct",
            choices=("yes", "no"),
            help="whether its confidence is corrected, by the temperature that fits the validation texts",
        ),
    )
    command(
        "review",
        "Which labels may be wrong? Among the validation and test texts, which the model of a run did not learn from.",
        run_id,
        argument(
            "--show",
            default="labels",
            choices=("labels", "confident", "uncertain"),
            help="labels that may be wrong (default), where it is sure and wrong, or the texts it is least sure of",
        ),
        argument("--most", type=positive, default=200, metavar="N", help="rows to list (default: 200)"),
    )
    command(
        "revise",
        "Make a new version of a data set, from what was decided on the pages and here. The split stays as it is.",
        argument("id", metavar="RUN|DATASET", help="the id of a run or of a data set"),
        argument("--relabel", action="append", default=[], metavar="ROW=LABEL", help="the right label of a row"),
        argument("--drop", action="append", default=[], metavar="ROW", help="leave a row out; rows as of review"),
        argument("--keep", action="append", default=[], metavar="ROW", help="the label of this row is right"),
        argument("--add", action="append", default=[], metavar="LABEL=TEXT", help="a text that joins the training"),
        argument("--anew", action="store_true", help="forget what was decided before"),
        argument("--name", default="", help="what to call the new version"),
        argument("--train", action="store_true", help="train a run on it, with the settings of the run"),
    )
    command(
        "export",
        "Take the model of a run away: with a model card, and a program that needs only torch and transformers.",
        run_id,
        argument("--to", required=True, metavar="PATH", help="a new file or folder"),
        argument(
            "--format",
            default="zip",
            choices=("zip", "folder", "onnx", "report", "settings", "notebook"),
            help="zip or folder: the model; onnx: for machines without torch, a folder or a ZIP as PATH ends; report: "
            "a page (HTML) for people who were not there; settings: YAML for train --config; notebook: the run once more in "
            "plain torch, with its data beside it",
        ),
    )
    command(
        "push",
        "Send the model of a run to the Hugging Face hub, with the token of HF_TOKEN, or one that is asked for.",
        run_id,
        argument("name", metavar="OWNER/NAME", help="what to call it there"),
        argument(
            "--private",
            action=argparse.BooleanOptionalAction,
            default=True,
            help="only you can see it there (default)",
        ),
    )
    command(
        "import",
        "Make a run of a model from elsewhere, to ask it, judge it and compare it.",
        argument("path", metavar="PATH", help="a ZIP made by export, or any classifier's folder or ZIP"),
        argument(
            "--data",
            metavar="DATA",
            help="what to score it on: a data set's id, a file or a sample; the labels have to be the model's",
        ),
        text,
        label,
        *reading,
        name,
    )
    command(
        "predict",
        "Ask a model about texts.",
        argument("id", metavar="RUN|FOLDER", help="the id of a run, or a model folder"),
        [
            argument(
                "--text",
                dest="texts",
                action="append",
                default=[],
                metavar="T",
                help="a text; may be repeated",
            ),
            argument(
                "--file",
                metavar="IN",
                help="a table with a text column; broken off and asked again, it goes on",
            ),
        ],
        *form,
        argument("--column", metavar="COL", help="its text column (default: proposed)"),
        argument(
            "--out",
            metavar="OUT",
            help="where to write the table with label and confidence: .csv, .xlsx, .parquet or .jsonl",
        ),
        argument("--probabilities", action="store_true", help="write the probability of every label, too"),
    )
    command(
        "explain",
        "Which words of a text speak for an answer, and which against it?",
        argument("id", metavar="RUN|FOLDER", help="the id of a run, or a model folder"),
        argument("--text", required=True, metavar="T", help="the text"),
        argument("--label", metavar="L", help="the answer to explain (default: the one that the model gives)"),
        argument(
            "--without",
            action="append",
            default=[],
            metavar="WORD",
            help="a word to strike out wherever it stands, to see what the model says then; may be repeated",
        ),
    )
    command(
        "settings",
        "How this Tuneboard is set up: what is in force, where it comes from, and what the workspace takes on the disk.",
        argument(
            "--set",
            action="append",
            default=[],
            metavar="field=value",
            help=f"choose for all runs, or with no value go back to the default; one of: {', '.join(VARIABLES)}",
        ),
    )
    command(
        "serve",
        "Answer over HTTP, until Ctrl-C or SIGTERM; SIGHUP opens the models again.",
        argument(
            "models",
            nargs="+",
            metavar="[NAME=]RUN|FOLDER",
            help="runs or model folders; the first is the usual one",
        ),
        argument("--host", default="127.0.0.1", help="where to listen (default: this machine only)"),
        argument("--port", type=int, default=8502, metavar="N", help="0 takes a free one (default: 8502)"),
        argument(
            "--allowed-host",
            action="append",
            default=[],
            metavar="NAME",
            help="a name under which it is reached, such as that of a proxy; others are then refused, and so they are where "
            "it listens on this machine only; may be repeated",
        ),
        argument(
            "--api-key",
            metavar="KEY",
            help="what clients have to send; better given as TUNEBOARD_API_KEY, which no list of processes shows",
        ),
        argument("--batch", type=int, default=64, metavar="N", help="texts answered at a time (default: 64)"),
        argument(
            "--wait",
            type=float,
            default=3,
            metavar="MS",
            help="how long a text waits for others (default: 3)",
        ),
        argument(
            "--queue",
            type=int,
            default=1024,
            metavar="N",
            help="texts that may wait; more get 429 (default: 1024)",
        ),
    )
    return whole
