"""The same engine from a terminal: python -m engine COMMAND.

Progress goes to stderr, the result to stdout; with --json stdout is exactly one JSON object, in which "error" says why there
is no result.
Exit 0: done. 2: the person can fix it. 1: our fault.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from engine import figures, libraries, machine, preferences
from engine.cli import objects, terminal
from engine.cli.arguments import parser
from engine.data import repairs, revising
from engine.data.columns import Roles, label_columns, propose, spread
from engine.data.datasets import DatasetInfo, is_dataset, load_info, save
from engine.data.drafting import column_of, draft
from engine.data.health import MEASURED, examine_file, missing_roles, too_long
from engine.data.reading import Options, Table
from engine.data.reading.table import separator_of
from engine.data.recipe import Recipe
from engine.data.samples import read_source
from engine.errors import DataError, RunStateError, SettingsError, TrainingError, TuneboardError
from engine.figures import rounded
from engine.models.catalogue import bundled_folder
from engine.models.tokens import count_tokens
from engine.paths import ID, BatchPaths, RunPaths, Workspace, file_digest, read_json
from engine.runs import forecast as forecasts
from engine.runs import queue as runs_queue
from engine.runs import space
from engine.runs.events import History
from engine.runs.store import Request, Run, Status
from engine.settings import WORD_COUNTING_HAS, TrainingConfig, parse_assignments, problems
from engine.studies import curve, grid, records, search
from engine.studies.records import Study
from engine.training import settings_file
from engine.training.plan import Plan, plan
from engine.training.settings_file import Written

if TYPE_CHECKING:  # what opens models is imported when one is asked
    from engine.serving.opened import Source
    from engine.serving.predictor import Predictor
    from engine.serving.rules import Rules

FOLLOW_SECONDS = 0.5
FORM = ("encoding", "separator", "no_header")  # how a file is to be read
MOST_LISTED = 10_000  # predictions of a file in a JSON object; the file itself has all


def main(arguments: list[str] | None = None) -> int:
    asked = parser().parse_args(arguments)
    try:
        workspace = Workspace.open(asked.workspace)
        if asked.command != "settings":  # which mends what cannot be used
            preferences.apply(workspace)
        with figures.as_in(figures.ENGLISH) if asked.json else nullcontext():  # programs read it
            result, text = COMMANDS[asked.command](workspace, asked)
    except TuneboardError as error:
        return _ended(asked, error, 2)
    except KeyboardInterrupt:
        return 130
    except Exception:  # our fault: one line for the person, the details for the report
        with tempfile.NamedTemporaryFile("w", prefix="tuneboard-", suffix=".log", delete=False) as log:
            traceback.print_exc(file=log)
        said = f"An unexpected error occurred. The details are in {log.name}"
        return _ended(asked, TuneboardError(said, code="unexpected"), 1)
    print(terminal.harmless(json.dumps(result, ensure_ascii=False) if asked.json else text))
    return 0


def _ended(asked: argparse.Namespace, error: TuneboardError, code: int) -> int:
    """Say why there is no result, to programs as well."""
    print(terminal.harmless(f"{error.message}\n{error.action}".strip()), file=sys.stderr)
    if asked.json:
        told = {"message": error.message, "action": error.action, "code": error.code}
        print(terminal.harmless(json.dumps({"error": told}, ensure_ascii=False)))
    return code


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
    return objects.checked(table, roles, made, problems), terminal.checked(table, roles, made, problems)


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
    return objects.result(workspace, run), terminal.scores(read_json(workspace.run(run.id).metrics), run)


def forecast(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    info, _, config = _planned(workspace, asked)
    found = forecasts.measure(
        workspace, info.id, config, lambda phase: print(phase.capitalize(), file=sys.stderr, flush=True)
    )
    return objects.forecast(found), terminal.forecast(found)


def study(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    info = _saved(workspace, asked)
    plans = [
        plan(workspace, info, model.strip(), preset.strip())
        for model in asked.models.split(",")
        for preset in asked.presets.split(",")
    ]
    values = {field: values.split(",") for field, values in parse_assignments(asked.set).items()}
    if not asked.curve and asked.search is None:
        members = grid.combinations(plans, values)
        return _followed(workspace, records.begin(workspace, info, members, name=asked.name))
    planned, config = _only_one(plans, values)
    if asked.search is not None:
        begun = search.begin(workspace, info, planned, config, 60 * asked.search, name=asked.name)
    else:
        members = curve.members(info, planned, config)
        begun = records.begin(workspace, info, members, name=asked.name, kind="curve")
    return _followed(workspace, begun)


def studies(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    _only_with("--go-on", asked.go_on, asked, "minutes")
    _only_with("the id of a STUDY", asked.id, asked, "stop", "go_on", "delete")
    if not asked.id:
        found = [records.standing(workspace, one) for one in records.list_studies(workspace)]
        return {"studies": [objects.study_short(one) for one in found]}, terminal.study_list(found)
    found = records.get(workspace, asked.id)
    if asked.delete:
        records.remove(workspace, found.id)
        return {"deleted": found.id}, f"The study {found.name!r} is gone; its runs are still there."
    if asked.stop:
        records.stop(workspace, found)
    if asked.go_on:
        search.resume(workspace, found, 60 * asked.minutes)
        return _followed(workspace, found)
    return _told(workspace, found)


def runs(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    found = runs_queue.list_runs(workspace)
    return {"runs": [objects.short(run) for run in found]}, terminal.run_list(found)


def show(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    run = runs_queue.get_run(workspace, asked.id)
    return objects.long(workspace, run), terminal.run_page(workspace, run)


def stop(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    keep = not asked.discard
    run = runs_queue.stop(workspace, asked.id, keep)
    keep = keep and run.request == Request.STOP
    ending = " The best epoch so far then becomes a model; stop it once more to end it without one." if keep else ""
    return objects.short(run), "Stopped." if run.status.ended else f"It stops within ten seconds.{ending}"


def pause(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    run = runs_queue.pause(workspace, asked.id)
    return objects.short(run), f"It pauses within ten seconds. To go on: resume {run.id}"


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
    return {"paused": paused, "waiting": [objects.short(run) for run in found]}, said + terminal.run_list(
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
    return objects.short(run), f"{run.name} is back."


def clean(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    freed = space.clean(workspace, runs_queue.list_runs(workspace))
    freed += space.empty_trash(workspace) if asked.trash else 0
    return {"freed_bytes": freed}, f"{rounded(freed / 1e6)} MB are free again. All models are kept."


def evaluate(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    from engine.results import evaluations

    _only_with("--data", asked.data, asked, "text", "label")
    _only_with("--json", asked.json, asked, "cost", "person", "all")
    depth = partial(evaluations.depth, workspace, complete=asked.all, **_costs(asked))
    if not asked.data:
        run = runs_queue.get_usable(workspace, asked.id, "scores")
        found = evaluations.scores(workspace.run(run.id))
        more = {**objects.judged(found), **(depth(run, asked.on) if asked.json else {})}
        return {**objects.result(workspace, run), **more}, terminal.scores(found, run, asked.on)
    run = runs_queue.get_askable(workspace, asked.id)
    about, found = evaluations.judge_further(
        workspace, run, read_source(asked.data), asked.text, asked.label, terminal.counter(sys.stderr)
    )
    result = {"run_id": run.id, **asdict(about), **objects.judged(found)}
    if asked.json and workspace.changeable:  # what cannot be kept is only scored
        result |= depth(run, about.key)
    return result, f"{terminal.further(about)}\n{terminal.scores(found, run)}"


def _costs(asked: argparse.Namespace) -> dict[str, object]:
    """costs and person, as `evaluations.depth` and `answering.cheapest` take them; person only where it was said."""
    costs = dict(_pair(one, "--cost", "LABEL=COST", last=True) for one in asked.cost)
    found: dict[str, object] = {"costs": {label: _cost(cost) for label, cost in costs.items()}}
    return found if asked.person is None else {**found, "person": _cost(asked.person)}


def _cost(written: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", written):
        raise DataError(
            f"{written} is no cost.",
            "Write a number from 0 on, such as --cost spam=2.5 or --person 0.5.",
            "no_number",
        )
    return float(written)


def compare(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    from engine.results import comparison

    _only_with("--json", asked.json, asked, "all")
    found = comparison.of(workspace, asked.ids)
    more = comparison.depth(workspace, found, asked.all) if asked.json else {}
    return {**objects.comparison(found), **more}, terminal.comparison(found)


def rules(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    from engine.evaluation.deferring import ALWAYS_A_PERSON
    from engine.results import answering

    _only_with("--cheapest", asked.cheapest, asked, "cost", "person")
    run = runs_queue.get_askable(workspace, asked.id)

    def least(written: str) -> float:
        return ALWAYS_A_PERSON if written == "person" else _share(written)

    threshold = None if asked.threshold is None else least(asked.threshold)
    each = dict(_pair(one, "--threshold-of", "LABEL=SHARE", last=True) for one in asked.threshold_of)
    each = {label: least(written) for label, written in each.items()}
    corrected = asked.correct and asked.correct == "yes"
    if asked.cheapest:
        each = {**answering.cheapest(workspace, run, corrected=corrected, **_costs(asked)), **each}
    chosen = answering.choose(workspace, run, threshold, each, corrected)
    effects = {split: answering.effect(workspace.run(run.id), split) for split in ("validation", "test")}
    told = {f"on_{split}": effect and asdict(effect) for split, effect in effects.items()}
    return {"run_id": run.id, **asdict(chosen), **told}, terminal.rules(run, chosen, effects)


def _share(written: str) -> float:
    """'0.8' and '80%' are 0.8."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)(%?)", written)
    share = float(found[1]) / (100 if found[2] else 1) if found else 2.0
    if share > 1:
        raise DataError(
            f"{written} is no threshold.",
            "Write a share from 0 to 1, such as 0.8, or person for always a person.",
            "no_threshold",
        )
    return share


def review(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    from engine.evaluation import doubts, predictions
    from engine.results.evaluations import corrected
    from engine.serving import rules

    run = runs_queue.get_usable(workspace, asked.id, "scores")
    paths = workspace.run(run.id)
    judged = doubts.judge(corrected(predictions.read(paths.predictions), rules.read(paths).temperature))
    found = doubts.ranked(judged, asked.show)
    listed = found.head(asked.most)
    return objects.review(run, judged, listed), terminal.review(run, judged, found, len(listed))


def revise(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    run = None if is_dataset(workspace, asked.id) else runs_queue.get_run(workspace, asked.id)
    if asked.train and run is None:
        raise RunStateError(f"{asked.id} is a data set.", "To train again, name the run whose settings to use.")
    dataset_id = run.dataset_id if run else asked.id
    decisions = revising.Decisions() if asked.anew else revising.read(workspace, dataset_id)
    edits = {
        **dict(_pair(one, "--relabel", "ROW=LABEL") for one in asked.relabel),
        **dict.fromkeys(asked.drop, revising.LEFT_OUT),
        **dict.fromkeys(asked.keep),
    }
    decisions.decide(edits, run.id if run else "")
    decisions.added |= {text: label for label, text in (_pair(one, "--add", "LABEL=TEXT") for one in asked.add)}
    made = revising.revise(workspace, dataset_id, decisions, asked.name)
    revising.write(workspace, dataset_id, decisions)
    result, text = {"dataset": asdict(made), "run": None}, terminal.revised(made)
    if not asked.train:
        return result, text
    print(terminal.harmless(text), file=sys.stderr)
    config = runs_queue.config_of(workspace, run.id)
    again = runs_queue.clone(workspace, run, config, dataset=(made.id, made.title))
    trained, scores = _carried_out(workspace, again)
    return {**result, "run": trained}, scores


def export(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    from engine.results import export as exports

    to, found = Path(asked.to).expanduser().absolute(), {}
    if asked.format == "onnx":
        checked = exports.export_onnx(workspace, asked.id, to)
        found = {"checked": asdict(checked)}
    else:
        exports.export(workspace, asked.id, to, asked.format)
    how = exports.how(workspace, asked.id, asked.format, to)
    said = [f"Written to {to}", *([checked.said] if found else []), terminal.how(how)]
    told = {"exported": asked.id, "format": asked.format, "to": str(to), **found, "how": list(how)}
    return told, "\n".join(said)


def push(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    from engine.results import export as exports

    address = exports.push(workspace, asked.id, asked.name, _token(), asked.private)
    how = exports.how(workspace, asked.id, "hub", asked.name)
    seen = "only you can see it" if asked.private else "everybody can see it"
    told = {"pushed": asked.id, "to": address, "private": asked.private, "how": list(how)}
    return told, f"Sent to {address}; {seen}.\n{terminal.how(how)}"


def import_(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    from engine.results import importing

    _only_with("--data", asked.data, asked, "text", "label", *FORM, "test", "group", "fix")
    source = Path(asked.path).expanduser()
    info = _stored(workspace, asked) if asked.data else None
    run = importing.bring(workspace, source, source.name, info=info, name=asked.name, progress=terminal.counter(sys.stderr))
    scored = workspace.run(run.id).metrics
    found = {**objects.short(run), "folder": str(workspace.run(run.id).model)}
    if scored.exists():
        return {**found, **objects.result(workspace, run)}, terminal.scores(read_json(scored), run)
    return found, f"{terminal.named(run)}\nTo ask it: predict {run.id} --text TEXT"


def predict(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    if not (asked.texts or asked.file):
        raise DataError("There is nothing to predict.", "Give --text TEXT, or --file IN and --out OUT.")
    _only_with("--file", asked.file, asked, *FORM, "column", "out", "probabilities")
    if asked.texts:
        predictor, rules = _opened(*_model(workspace, asked.id))
        answers = predictor.predict(asked.texts, rules.temperature)
        found = [{**asdict(answer), "to_a_person": rules.to_a_person(answer.label, answer.confidence)} for answer in answers]
        return {"predictions": found}, terminal.predictions(answers, rules)
    return _predict_file(workspace, asked)


def explain(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    from engine.serving.explaining import without

    predictor, rules = _opened(*_model(workspace, asked.id))
    found = predictor.explain(asked.text, asked.label)
    struck = [word for word in found.words if found.said(word) in asked.without]
    absent = set(asked.without) - {found.said(word) for word in struck}
    if absent:
        raise DataError(
            f"The text has no word {sorted(absent)[0]!r}.",
            f"It has: {', '.join(map(found.said, found.words[:20]))}.",
            "no_such_word",
        )
    texts = [asked.text, *([without(asked.text, struck)] if struck else [])]
    answer, *then = predictor.predict(texts, rules.temperature)
    return (
        objects.explanation(found, answer, then[0] if then else None),
        terminal.explanation(found, answer, then[0] if then else None),
    )


def settings(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    if asked.set:
        preferences.choose(workspace, parse_assignments(asked.set, preferences.VARIABLES))
    found, sizes = preferences.in_force(workspace), space.by_kind(workspace)
    preferences.apply(workspace)  # which would not let mend what cannot be used
    return objects.settings(workspace, found, sizes), terminal.settings(workspace, found, sizes)


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
    if not key and asked.host not in server.LOOPBACK:
        print("Whoever reaches this machine may ask: there is no API key.", file=sys.stderr)
    say = partial(print, file=sys.stderr, flush=True)
    answered = server.run(sources, asked.host, asked.port, key, limits, say, asked.allowed_host)
    found = {"models": [source.name for source in sources], "requests": answered}
    return found, f"Stopped. {figures.count(answered, 'request was', 'requests were')} answered."


COMMANDS = {
    function.__name__.rstrip("_"): function
    for function in (
        check,
        train,
        forecast,
        study,
        studies,
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
        rules,
        review,
        revise,
        export,
        push,
        import_,
        predict,
        explain,
        settings,
        serve,
    )
}


# -- what the commands are made of ----------------------------------------------------------------------


def _planned(workspace: Workspace, asked: argparse.Namespace) -> tuple[DatasetInfo, Plan, TrainingConfig]:
    """The data set, saved, with the settings of a run on it."""
    written = settings_file.read(Path(asked.config).expanduser()) if asked.config else Written()
    given = {name: value for name in ("model", "preset") if (value := getattr(asked, name))}
    given |= parse_assignments(asked.set)
    from_file = dict(written.values)
    if given.get("model", from_file.get("model")) != from_file.get("model"):
        from_file.pop("revision", None)  # of another model
    chosen = {**from_file, **given}
    info = _saved(workspace, asked)
    planned = plan(
        workspace,
        info,
        chosen.pop("model", "bundled"),
        chosen.pop("preset", "balanced"),
        chosen.pop("revision", None),
    )
    if "preset" in given:  # it wins over what the file has of the values that it derives
        chosen = {name: one for name, one in chosen.items() if name in given or name not in planned.chosen.values}
    if planned.source.kind == "tfidf" and "model" in given:
        chosen = {name: one for name, one in chosen.items() if name in given or name in WORD_COUNTING_HAS}
    if wrong := planned.problems(**chosen):
        raise SettingsError(written.located(wrong, given))
    return info, planned, planned.config(**chosen)


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


def _stored(workspace: Workspace, asked: argparse.Namespace) -> DatasetInfo:
    """The data set that --data names by its id, or that its file becomes."""
    if ID.fullmatch(asked.data) and workspace.dataset(asked.data).info.exists():
        return load_info(workspace, asked.data)
    return _saved(workspace, asked)


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
    table = read_source(asked.data, _options(asked))
    if asked.text:
        column_of(table, asked.text, "--text")
    for column in label_columns(asked.label, table.columns) if asked.label else []:
        column_of(table, column, "--label")
    return table, propose(table.frame, asked.text, asked.label)


def _options(asked: argparse.Namespace) -> Options:
    separator = None if asked.separator is None else separator_of(asked.separator)
    return Options(asked.encoding, separator, names_row=0 if asked.no_header else None)


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
    for name in asked:
        try:
            repairs.remedy(name)
        except ValueError as error:
            raise DataError(str(error), f"There are: {', '.join(repairs.WRITTEN)}.", "no_such_remedy") from error
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
                "\nStopping; the best epoch so far is kept. Ctrl-C again leaves the run alone.",
                file=sys.stderr,
            )
            run = runs_queue.stop(workspace, run.id)
    line.show(run, history.update(workspace.run(run.id).events))  # what happened since the last look
    line.close()
    return run


def _token() -> str | None:
    """What somebody at a terminal types, unseen, where no variable has it; it is kept nowhere."""
    from engine.serving.publishing import VARIABLE

    if os.environ.get(VARIABLE) or not sys.stdin.isatty():
        return None
    try:
        return getpass("Token with the right to write, from huggingface.co/settings/tokens: ")
    except EOFError:
        return None


def _only_with(what: str, is_given: object, asked: argparse.Namespace, *options: str) -> None:
    """Raises SettingsError for one of the options where it would be ignored, since `what` is not given."""
    ignored = [] if is_given else [f"--{one.replace('_', '-')}" for one in options if getattr(asked, one)]
    if ignored:
        raise SettingsError({ignored[0]: f"does nothing without {what}; give both, or neither."})


def _pair(assignment: str, flag: str, form: str, last: bool = False) -> tuple[str, str]:
    """What is before and after the first equals sign; the last one where `last`, since a label may hold some."""
    before, equals, after = assignment.rpartition("=") if last else assignment.partition("=")
    if not (before and equals and after):
        raise DataError(f"{flag} {assignment!r} is not understood.", f"Expected {form}.", "no_assignment")
    return before, after


def _only_one(plans: list[Plan], values: dict[str, list[str]]) -> tuple[Plan, TrainingConfig]:
    """The one run that a learning curve or a search starts from. Raises SettingsError where several are named."""
    several = [field for field, tried in values.items() if len(tried) > 1]
    if len(plans) > 1 or several:
        raise SettingsError({"study": "give one model, one preset and one value of each setting."})
    return plans[0], plans[0].config(**{field: tried[0] for field, tried in values.items()})


def _followed(workspace: Workspace, asked: Study) -> tuple[dict, str]:
    """Say how each run of a study ends, until all have; Ctrl-C leaves them alone."""
    print(f"Study {asked.id}: {asked.name}", file=sys.stderr)
    told: set[str] = set()
    try:
        while True:
            search.look_after(workspace)
            found = records.standing(workspace, asked)
            for run_id, line in terminal.study_steps(found).items():
                if run_id not in told:
                    told.add(run_id)
                    print(line, file=sys.stderr, flush=True)
            if not found.live:
                return _told(workspace, asked)
            time.sleep(FOLLOW_SECONDS)
    except KeyboardInterrupt:
        print(f"\nThe study goes on: studies {asked.id}", file=sys.stderr)
        raise


def _told(workspace: Workspace, asked: Study) -> tuple[dict, str]:
    from engine.studies import outcome

    found = outcome.of(workspace, records.standing(workspace, asked))
    return objects.study(found), terminal.study(found)


def _model(workspace: Workspace, run_or_folder: str) -> tuple[Path, RunPaths | None]:
    """(the folder of a model, the run that it is of); None where the folder itself was named.

    Raises NotFoundError, and RunStateError for a run without a model.
    """
    folder = Path(run_or_folder).expanduser()
    if folder.is_dir():
        return folder, None
    paths = workspace.run(runs_queue.get_askable(workspace, run_or_folder).id)
    return paths.model, paths


def _opened(folder: Path, run: RunPaths | None) -> tuple["Predictor", "Rules"]:
    """The model in a folder, with the rules of its run, or with those that lie beside it."""
    with libraries.loading():
        from engine.serving.predictor import Predictor
    from engine.serving import rules

    return Predictor(folder), rules.read(run) if run else rules.read_exported(folder)


def _source(workspace: Workspace, asked: str) -> "Source":
    """What to serve for [NAME=]RUN|FOLDER."""
    with libraries.loading():
        from engine.serving.opened import Source

    is_unnamed = "=" not in asked or Path(asked).expanduser().is_dir()
    name, what = ("", asked) if is_unnamed else asked.split("=", 1)
    folder, run = _model(workspace, what)
    folder = folder.resolve()
    return Source(name or (what if run else folder.name), folder, run)


def _predict_file(workspace: Workspace, asked: argparse.Namespace) -> tuple[dict, str]:
    """Broken off and asked again, it goes on where it was."""
    from engine.data import writers
    from engine.data.reading import read_file
    from engine.data.reading.table import arrow
    from engine.serving import batch

    if not asked.out:
        raise DataError("The predictions need a place to go to.", "Add --out OUT.csv, .xlsx, .parquet or .jsonl.")
    out = Path(asked.out).expanduser()
    writers.check_format(out)
    writers.check_place(out)  # before the work
    folder, run = _model(workspace, asked.id)
    options = _options(asked)
    table = read_file(asked.file, options)
    column = asked.column or propose(table.frame).text
    if not column:
        raise DataError(f"None of the columns of {table.name} looks like text.", "Name it with --column.")
    column_of(table, column, "--column")
    key = batch.key_of(file_digest(Path(asked.file).expanduser()), folder, options.as_dict(), column)
    with _job(workspace, run, key) as paths:
        if not paths.job.exists():
            batch.write_table(table.frame, paths)
        batch.begin(paths, table.name, column, arrow(table.rejected), table.rejected_count)
        del table  # from here on memory holds only a part of it
        predictor, rules = _opened(folder, run)
        batch.answer(paths, predictor, terminal.counter(sys.stderr))
        writers.write(batch.answered(paths, rules, asked.probabilities), out)
        found = batch.summary(paths, rules)
        listed = batch.predictions(paths, rules, MOST_LISTED) if asked.json else []
    result = {
        "predictions": listed,
        "out": asked.out,
        "rows": found.rows,
        "column": column,
        "empty": found.empty,
        "unread": found.unread_count,
        "unread_left_out": found.lost,
        "unread_rows": [one.shown() for one in found.unread],
    }
    return result, terminal.answered_file(found, asked.out)


@contextmanager
def _job(workspace: Workspace, run: RunPaths | None, key: str) -> Iterator[BatchPaths]:
    """Where the answers to a file grow. Gone once it ends well, unless a page began it."""
    if not workspace.changeable:
        with tempfile.TemporaryDirectory(prefix="tuneboard-") as folder:
            yield BatchPaths(Path(folder))
        return
    paths = run.batch(key) if run else workspace.batch(key)
    yield paths
    if not paths.process.exists():
        shutil.rmtree(paths.folder)
