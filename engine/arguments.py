"""What may be written on the command line."""

import argparse

from engine import __version__
from engine.data.repairs import BESIDE_A_TEST, REMEDIES
from engine.settings import TrainingConfig


def parser() -> argparse.ArgumentParser:
    """What a person may write. `command` is then the name of one of the functions in engine/cli.py."""
    whole = argparse.ArgumentParser(
        prog="tuneboard", description="Fine-tune a text classifier, judge it and use it."
    )
    whole.add_argument("--version", action="version", version=__version__)
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, about: str, *arguments: tuple) -> None:
        sub = commands.add_parser(name, help=about, description=about)
        for names, options in arguments:
            sub.add_argument(*names, **options)
        sub.add_argument(
            "--workspace", metavar="DIR", help="the folder that everything is kept in (default: ~/.tuneboard)"
        )
        sub.add_argument("--json", action="store_true", help="print one JSON object instead of text")
        sub.set_defaults(command=name)

    def argument(*names: str, **options: object) -> tuple:
        return names, options

    data = argument("data", metavar="DATA", help="a file, sample:support or sample:reviews")
    reading = (
        argument(
            "--encoding",
            metavar="NAME",
            help="how the file writes letters, such as cp1252 (default: found out)",
        ),
        argument("--separator", metavar="CHAR", help="what stands between fields (default: found out)"),
        argument("--no-header", action="store_true", help="the first row is data already"),
        argument("--test", metavar="FILE", help="a second table, for the test"),
        argument("--group", metavar="COL", help="rows with the same value here stay in one split"),
        argument(
            "--fix",
            action="append",
            default=[],
            metavar="REMEDY",
            help=f"a remedy to apply; may be repeated: {', '.join([*REMEDIES, *BESIDE_A_TEST])}",
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
            default="bundled",
            metavar="NAME|PATH",
            help="bundled, tfidf (word counting), a folder, a ZIP of one, or a name on the Hugging Face hub",
        ),
        argument("--preset", default="balanced", choices=("quick", "balanced", "thorough")),
        setting,
        name,
    )
    command("forecast", "What would a run cost in time and memory? Nothing is trained.", *training)
    command("train", "Fine-tune a model and score it.", *training)
    command("runs", "Which runs there are.")
    command("show", "One run in detail.", run_id)
    command(
        "stop",
        "Stop a run; the best round so far becomes a model.",
        run_id,
        argument("--discard", action="store_true", help="end without a model"),
    )
    command("pause", "Save the state of a run and make room; resume goes on from there.", run_id)
    command(
        "resume",
        "Let a run that was stopped, paused, interrupted or failed go on, or train a finished one further.",
        run_id,
        argument("--epochs", type=int, metavar="N", help="rounds in all, more than before"),
    )
    command("clone", "Start a new run with the settings and the data of another.", run_id, setting, name)
    command(
        "queue",
        "What waits, the next one first.",
        argument("--pause", action="store_true", help="let nothing more begin"),
        argument("--go-on", action="store_true", help="end the pause"),
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
    command(
        "evaluate",
        "The scores of a run, or on a further labelled file.",
        run_id,
        argument("--data", metavar="FILE", help="a labelled table to score instead of the test rows"),
        text,
        label,
    )
    command(
        "compare",
        "Which of some runs is better, and could the gap be luck?",
        argument("ids", nargs="+", metavar="RUN", help="the ids of two to ten runs"),
    )
    command(
        "export",
        "Take the model of a run away: with a model card, and a program that needs only torch and transformers.",
        run_id,
        argument("--to", required=True, metavar="PATH", help="a new file or folder"),
        argument("--format", default="zip", choices=("zip", "folder")),
    )
    command(
        "predict",
        "Ask a model about texts.",
        argument("id", metavar="RUN|FOLDER", help="the id of a run, or a model folder"),
        argument(
            "--text", dest="texts", action="append", default=[], metavar="T", help="a text; may be repeated"
        ),
        argument("--file", metavar="IN", help="a table with a text column"),
        argument("--column", metavar="COL", help="its text column (default: proposed)"),
        argument("--out", metavar="OUT", help="where to write the table with label and confidence (CSV)"),
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
