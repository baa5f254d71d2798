"""The same engine from a terminal: python -m engine COMMAND.

Progress goes to stderr, the result to stdout; with --json stdout is exactly one JSON object.
Exit 0: done. 2: the person can fix it. 1: our fault.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine import machine, terminal
from engine.arguments import parser
from engine.data.columns import Roles, propose, spread
from engine.data.datasets import DatasetInfo, save
from engine.data.drafting import column_of, draft
from engine.data.health import MEASURED, examine_file, missing_roles, too_long
from engine.data.reading import Options, Table
from engine.data.recipe import Recipe
from engine.data.repairs import BESIDE_A_TEST, REMEDIES
from engine.data.samples import read_source
from engine.errors import DataError, RunStateError, SettingsError, TrainingError, TuneboardError
from engine.models.catalogue import bundled_folder
from engine.models.tokens import count_tokens
from engine.paths import Workspace, read_json
from engine.runs import forecast as forecasts
from engine.runs import queue as runs_queue
from engine.runs import space
from engine.runs.events import History
from engine.runs.store import Run, Status
from engine.settings import TrainingConfig, parse_assignments, problems
from engine.training.plan import Plan, plan

if TYPE_CHECKING:
    from engine.serving.opened import Source

FOLLOW_SECONDS = 0.5


def main(arguments: list[str] | None = None) -> int:
    asked = parser().parse_args(arguments)
    try:
        workspace = Workspace.open(asked.workspace)
        result, text = COMMANDS[asked.command](workspace, asked)
    except TuneboardError as error:
        print(f"{error.message}\n{error.action}".strip(), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception:  # our fault: one line for the person, the details for the report
        with tempfile.NamedTemporaryFile("w", prefix="tuneboard-", suffix=".log", delete=False) as log:
            traceback.print_exc(file=log)
        print(
            f"Something went wrong that Tuneboard did not foresee. The details are in {log.name}",
            file=sys.stderr,
        )
        return 1
    print(json.dumps(result, ensure_ascii=False) if asked.json else text)
    return 0


# -- commands: each returns (the JSON object, the same for reading) -------------------------------------


def check(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    table, roles = _table(asked)
    made = problems = None
    if roles.text and roles.label:
        made = draft(table, _recipe(asked, roles), test=read_source(asked.test) if asked.test else None)
        sample = spread(made.rows, MEASURED)
        lengths = count_tokens(sample["text"].tolist(), bundled_folder())
        problems = made.problems + too_long(sample, lengths, len(made.rows))
    else:
        problems = examine_file(table) + missing_roles(roles, len(table.columns))
    return terminal.check_result(table, roles, made, problems), terminal.checked(table, roles, made, problems)


def train(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    return _carried_out(workspace, _submit(workspace, asked))


def _carried_out(workspace: Workspace, run: Run) -> tuple[dict, str]:
    """Follow a run to its end, and show its scores."""
    print(f"Run {run.id}: {run.name}", file=sys.stderr)
    run = _follow(workspace, run)
    if run.status in (Status.FAILED, Status.INTERRUPTED):
        kind = TrainingError if run.reason != "unexpected" else RuntimeError
        raise kind(*filter(None, (run.message, f"{run.action} The log: {workspace.run(run.id).log}")))
    if not workspace.run(run.id).metrics.exists():
        raise RunStateError(run.message or "The run was stopped.", f"It can go on: resume {run.id}")
    return terminal.result(workspace, run), terminal.scores(read_json(workspace.run(run.id).metrics), run)


def forecast(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    info, _, config = _planned(workspace, asked)
    found = forecasts.measure(
        workspace, info.id, config, lambda phase: print(phase.capitalize(), file=sys.stderr, flush=True)
    )
    return terminal.forecast_result(found), terminal.forecast(found)


def runs(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    found = runs_queue.list_runs(workspace)
    return {"runs": [terminal.short(run) for run in found]}, terminal.run_list(found)


def show(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    run = runs_queue.get_run(workspace, asked.id)
    return terminal.long(workspace, run), terminal.run_page(workspace, run)


def stop(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    run = runs_queue.stop(workspace, asked.id, keep=not asked.discard)
    ending = "" if asked.discard else " The best round so far is then made a model."
    return terminal.short(run), "Stopped." if run.status.ended else f"It stops within ten seconds.{ending}"


def pause(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    run = runs_queue.pause(workspace, asked.id)
    return terminal.short(run), f"It pauses within ten seconds. To go on: resume {run.id}"


def resume(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    return _carried_out(workspace, runs_queue.resume(workspace, asked.id, asked.epochs))


def clone(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    run, config = runs_queue.get_run(workspace, asked.id), runs_queue.config_of(workspace, asked.id)
    changes = parse_assignments(asked.set)
    wrong = problems(**{**config.model_dump(), **changes})
    if wrong:
        raise SettingsError(wrong)
    changed = TrainingConfig(**{**config.model_dump(), **changes})
    return _carried_out(workspace, runs_queue.clone(workspace, run, changed, asked.name))


def queue(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    if asked.pause or asked.go_on:
        runs_queue.pause_queue(workspace, asked.pause)
    for run_id, to in ((asked.first, "first"), (asked.last, "last")):
        if run_id:
            runs_queue.move(workspace, runs_queue.get_run(workspace, run_id).id, to)
    found, paused = runs_queue.waiting(workspace), runs_queue.is_paused(workspace)
    said = "The queue is paused.\n" if paused else ""
    return {"paused": paused, "waiting": [terminal.short(run) for run in found]}, said + terminal.run_list(
        found, "Nothing waits."
    )


def delete(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    runs_queue.remove(workspace, asked.id)
    return (
        {"deleted": asked.id},
        f"Moved {asked.id} to the trash, where it stays for {space.TRASH_DAYS} days: restore {asked.id}",
    )


def restore(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    run = runs_queue.restore(workspace, asked.id)
    return terminal.short(run), f"{run.name} is back."


def clean(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    freed = space.clean(workspace, runs_queue.list_runs(workspace))
    freed += space.empty_trash(workspace) if asked.trash else 0
    return {"freed_bytes": freed}, f"{freed / 1e6:,.0f} MB are free again. All models are kept."


def evaluate(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    from engine.runs import evaluations

    run = runs_queue.get_usable(workspace, asked.id, "scores")
    if not asked.data:
        found = evaluations.scores(workspace.run(run.id))
        more = {**terminal.judged(found), **evaluations.depth(workspace, run)}
        return {**terminal.result(workspace, run), **more}, terminal.scores(found, run)
    about, found = evaluations.judge_further(
        workspace, run, read_source(asked.data), asked.text, asked.label, terminal.counter(sys.stderr)
    )
    result = {"run_id": run.id, **asdict(about), **terminal.judged(found)}
    return result, f"{terminal.further(about)}\n{terminal.scores(found, run)}"


def compare(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    from engine.runs import comparison

    found = comparison.of(workspace, asked.ids)
    return terminal.comparison_result(found), terminal.comparison(found)


def export(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    from engine.runs import export as exports

    to = exports.export(workspace, asked.id, Path(asked.to), asked.format)
    how = (
        f"unzip it, then: python predict.py TEXT   (in {to.stem})"
        if asked.format == "zip"
        else f"python {to / 'predict.py'} TEXT"
    )
    return {
        "exported": asked.id,
        "to": str(to),
    }, f"Written to {to}\nTo use it anywhere: pip install torch transformers\n{how}"


def predict(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    from engine.serving.predictor import Predictor
    from engine.serving.rules import Rules, read

    if not (asked.texts or asked.file):
        raise DataError("There is nothing to predict.", "Give --text TEXT, or --file IN and --out OUT.")
    folder = Path(asked.id).expanduser()
    predictor = Predictor(folder if folder.is_dir() else _model_of(workspace, asked.id))
    rules = Rules() if folder.is_dir() else read(workspace.run(asked.id))
    if asked.texts:
        answers = predictor.predict(asked.texts, rules.temperature)
        found = [
            {**asdict(answer), "to_a_person": rules.to_a_person(answer.label, answer.confidence)}
            for answer in answers
        ]
        return {"predictions": found}, terminal.predictions(answers, rules)
    return _predict_file(predictor, asked, rules)


def serve(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    os.environ.update(machine.sharing(os.environ))  # before torch is loaded, which reads it once
    from engine.serving import server
    from engine.serving.batching import Limits

    sources = [_source(workspace, one) for one in asked.models]
    if len({source.name for source in sources}) < len(sources):
        raise SettingsError({"name": "two models have the same name; give other ones: NAME=RUN."})
    if min(asked.batch, asked.queue) < 1 or not 0 <= asked.wait <= 1000:
        raise SettingsError({"batch, queue, wait": "give 1 or more texts, and 0 to 1000 ms."})
    limits = Limits(asked.batch, wait_seconds=asked.wait / 1000, waiting_texts=asked.queue)
    key = asked.api_key or os.environ.get("TUNEBOARD_API_KEY") or None
    if not key and asked.host not in ("127.0.0.1", "::1", "localhost"):
        print("Whoever reaches this machine may ask: there is no API key.", file=sys.stderr)
    say = partial(print, file=sys.stderr, flush=True)
    answered = server.run(sources, asked.host, asked.port, key, limits, say)
    found = {"models": [source.name for source in sources], "requests": answered}
    return found, f"Stopped. {answered:,} requests were answered."


COMMANDS = {
    function.__name__: function
    for function in (
        check,
        train,
        forecast,
        runs,
        show,
        stop,
        pause,
        resume,
        clone,
        queue,
        delete,
        restore,
        clean,
        evaluate,
        compare,
        export,
        predict,
        serve,
    )
}


# -- what the commands are made of ----------------------------------------------------------------------


def _planned(workspace: Workspace, asked: argparse.Namespace) -> tuple[DatasetInfo, Plan, TrainingConfig]:
    """The data set, saved, with the settings of a run on it."""
    explicit = parse_assignments(asked.set)
    model, revision = explicit.pop("model", asked.model), explicit.pop("revision", None)
    preset = explicit.pop("preset", asked.preset)
    info = _saved(workspace, asked)
    planned = plan(workspace, info, model, preset, revision)
    return info, planned, planned.config(**explicit)


def _submit(workspace: Workspace, asked: argparse.Namespace) -> Run:
    info, planned, config = _planned(workspace, asked)
    return runs_queue.submit(
        workspace,
        config,
        dataset_id=info.id,
        dataset_name=info.name,
        model_name=planned.source.name,
        name=asked.name,
    )


def _saved(workspace: Workspace, asked: argparse.Namespace) -> DatasetInfo:
    table, roles = _table(asked)
    if not (roles.text and roles.label):
        raise DataError(
            f"We need one text column and one label column. {table.name} has: {', '.join(table.columns[:20])}.",
            "Name them with --text and --label.",
            "columns_unclear",
        )
    test = read_source(asked.test) if asked.test else None
    return save(workspace, draft(table, _recipe(asked, roles), test=test))


def _table(asked: argparse.Namespace) -> tuple[Table, Roles]:
    """The table with its roles; those that were named are checked."""
    options = Options(asked.encoding, asked.separator, names_row=0 if asked.no_header else None)
    table = read_source(asked.data, options)
    for column, flag in ((asked.text, "--text"), (asked.label, "--label")):
        if column:
            column_of(table, column, flag)
    return table, propose(table.frame, asked.text, asked.label)


def _recipe(asked: argparse.Namespace, roles: Roles) -> Recipe:
    way = "file" if asked.test else "column" if roles.split else "share"
    return Recipe(
        text=roles.text,
        label=roles.label,
        split_by=way,
        split_column=roles.split if way == "column" else None,
        remedies=_remedies(asked.fix),
        group_column=asked.group,
    )


def _remedies(asked: list[str]) -> tuple[str, ...]:
    known = [*REMEDIES, *BESIDE_A_TEST]
    for name in asked:
        if name not in known:
            raise DataError(
                f"There is no remedy {name!r}.", f"There are: {', '.join(known)}.", "no_such_remedy"
            )
    return tuple(asked)


def _follow(workspace: Workspace, run: Run) -> Run:
    """Show the progress until the run has ended. The first Ctrl-C stops the run, the second leaves it alone."""
    asked_to_stop = False
    line, history = terminal.ProgressLine(sys.stderr), History()
    while not run.status.ended:
        try:
            line.show(run, history.update(workspace.run(run.id).events))
            time.sleep(FOLLOW_SECONDS)
            run = runs_queue.get_run(workspace, run.id)
        except KeyboardInterrupt:
            if asked_to_stop:
                print(f"\nThe run goes on: show {run.id}", file=sys.stderr)
                raise
            asked_to_stop = True
            print(
                "\nStopping; the best round so far is kept. Ctrl-C again leaves the run alone.",
                file=sys.stderr,
            )
            run = runs_queue.stop(workspace, run.id)
    line.show(run, history.update(workspace.run(run.id).events))  # what happened since the last look
    line.close()
    return run


def _model_of(workspace: Workspace, run_id: str) -> Path:
    return workspace.run(runs_queue.get_usable(workspace, run_id).id).model


def _source(workspace: Workspace, asked: str) -> "Source":
    """What to serve for [NAME=]RUN|FOLDER."""
    from engine.serving.opened import Source

    folder = Path(asked).expanduser()
    name, what = ("", asked) if folder.is_dir() or "=" not in asked else asked.split("=", 1)
    folder = Path(what).expanduser()
    if folder.is_dir():
        return Source(name or folder.resolve().name, folder.resolve())
    return Source(name or what, _model_of(workspace, what), workspace.run(what))


def _predict_file(predictor, asked: argparse.Namespace, rules) -> tuple[dict, str]:
    from engine.data.exports import write_csv
    from engine.data.reading import read_file

    if not asked.out:
        raise DataError("The predictions need a place to go to.", "Add --out OUT.csv.")
    table = read_file(asked.file)
    column = asked.column or propose(table.frame).text
    if not column:
        raise DataError(f"None of the columns of {table.name} looks like text.", "Name it with --column.")
    answers = predictor.predict(column_of(table, column, "--column").str.strip().tolist(), rules.temperature)
    answered = table.frame.assign(
        label=[a.label for a in answers], confidence=[round(a.confidence, 4) for a in answers]
    )
    if rules.sends_any:
        sent = ["yes" if rules.to_a_person(a.label, a.confidence) else "no" for a in answers]
        answered = answered.assign(to_a_person=sent)
    write_csv(answered, asked.out)
    return {
        "predictions": [asdict(answer) for answer in answers],
        "out": asked.out,
    }, f"{len(answers):,} predictions written to {asked.out}"
