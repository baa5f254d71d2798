"""How runs, scores and tables look in a terminal; objects.py says the same to scripts."""

import re
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

import pandas as pd

from engine import access, machine
from engine.data.columns import Roles
from engine.data.datasets import DatasetInfo
from engine.data.drafting import Draft
from engine.data.health import Problem
from engine.data.reading import Table
from engine.data.revising import row_name
from engine.figures import count, duration, percent, rounded, significant, size, time_left, whole
from engine.paths import Workspace, read_json
from engine.preferences import InForce
from engine.runs import queue, space
from engine.runs.events import History
from engine.runs.forecast import Forecast
from engine.runs.phases import how_far
from engine.runs.store import Run
from engine.serving.batch import Result
from engine.serving.explaining import Explanation
from engine.serving.prediction import Prediction
from engine.serving.rules import ALWAYS_A_PERSON, OUTLIVED, Rules
from engine.studies import records
from engine.studies.records import Standing, Study

if TYPE_CHECKING:
    from engine.results.answering import Effect  # which imports scipy
    from engine.results.comparison import Comparison
    from engine.results.evaluations import Further
    from engine.studies.outcome import Outcome

SHOWN_REJECTED = 5
SHOWN_WORDS = 20
AMONG_DIGITS = ",.%\xa0\u202f"  # of a figure, in any language
DASHBOARD = {
    "listens": "listens on",
    "names": "allowed host names",
    "who": "who has access",
    "visitors": "what visitors may do",
    "theme": "theme",
}

# Control characters but tab and line break, which may command a terminal, what turns the direction of writing, and halves
# of characters, which cannot be printed.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def harmless(text: str) -> str:
    """With such characters, which texts and names from files may hold, written as JSON writes them: \\u001b."""
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def named(one: Run | Study) -> str:
    """A run or a study, by the name that it was given and the id that commands take."""
    return f"{one.name} ({one.id})"


def review(run: Run, judged: pd.DataFrame, found: pd.DataFrame, most: int) -> str:
    """found: the rows that were asked for, the worst first, of which the first `most` are listed."""
    rows = [
        [
            row_name(one.split, one.source_row),
            _shorten(one.label, 20),
            _shorten(one.predicted, 20),
            percent(one.given, 1),
            _shorten(one.text, 70),
        ]
        for one in found.head(most).itertuples()
    ]
    doubted = count(judged["doubtful"].sum(), "label")
    said = f"Of {count(len(judged), 'text')} that {run.name} did not learn from, {doubted} may be wrong."
    if len(found) > most:
        said += f" The first {whole(most)} of {whole(len(found))} are listed."
    if not rows:
        return said
    table = grid(["row", "label", "it says", "label's p", "text"], rows)
    return f"{said}\n\n{table}\n\nTo correct some: revise {run.id} --relabel ROW=LABEL --drop ROW"


def revised(made: DatasetInfo) -> str:
    sizes = ", ".join(f"{split} {whole(rows)}" for split, rows in made.rows.items())
    return "\n".join([f"{made.id}: {made.title}, {sizes}", *(f"  {note}" for note in made.notes)])


def comparison(found: "Comparison") -> str:
    rows = [
        [
            one.run.id,
            _shorten(one.run.name, 36),
            rounded(one.accuracy, 3),
            _between(one.intervals["accuracy"]),
            rounded(one.macro_f1, 3),
            duration(one.seconds),
            "" if one.milliseconds is None else f"{rounded(one.milliseconds, 1)} ms",
            size(one.bytes),
        ]
        for one in found.entries
    ]
    rows.append(
        [
            "",
            f"{found.baseline['name']}{_learnt_from(found.baseline)}",
            rounded(found.baseline["accuracy"], 3),
            _between(found.baseline["interval"]),
            rounded(found.baseline["macro_f1"], 3),
        ]
    )
    rows[-1] += [""] * (len(rows[0]) - len(rows[-1]))
    head = ["run", "name", "accuracy", "95% interval", "macro-F1", "training time", "time per text", "size"]
    where = found.note or f"On the same {count(found.rows, 'test text')}:"
    bias = [found.bias] if found.bias else []
    return "\n".join([where, *bias, "", grid(head, rows), "", *found.verdicts, found.caveat])


def _learnt_from(baseline: dict) -> str:
    return f", {count(baseline['train_rows'], 'text')}" if baseline["train_rows"] else ""


def checked(table: Table, roles: Roles, made: Draft | None, problems: list[Problem]) -> str:
    lines = [f"{table.name}: {table.described()}"]
    for what, column in (("Texts", roles.text), ("Labels", roles.label), ("Split", roles.split)):
        lines.append(f"  {what:7} {column!r}: {roles.reasons[column]}" if column else f"  {what:7} no column found")
    if roles.more_texts:
        lines.append(f"  More columns with texts: {', '.join(map(repr, roles.more_texts))}")
    lines += [f"  Beware  {trap.column!r}: {trap.sentence}" for trap in roles.traps]
    lines += [f"  {one.said}" for one in table.rejected[:SHOWN_REJECTED]]
    if table.left_out:
        lines.append(f"  Left out: {', '.join(table.left_out[:SHOWN_REJECTED])}")
    if table.rejected_count > SHOWN_REJECTED:
        lines.append(f"  ... and {count(table.rejected_count - SHOWN_REJECTED, 'more line')} that could not be read")
    for problem in problems:
        fixes = " or ".join(f"--fix {shlex.quote(one)}" for one in problem.fixes)
        fix = f" ({fixes})" if fixes else ""
        lines.append(f"  [{problem.severity}] {problem.sentence} {problem.remedy}{fix}")
    if made:
        lines += [f"  [applied] {name}: {count(rows, 'row')}" for name, rows in made.applied]
        sizes = ", ".join(f"{split} {whole(rows)}" for split, rows in made.counts().items())
        lines.append(f"  {count(len(made.labels), 'class', 'classes')}; {sizes} ({made.split_by})")
    if not problems:
        lines.append("  Nothing is wrong with it.")
    return "\n".join(lines)


def forecast(found: Forecast) -> str:
    lines = [f"About {duration(found.seconds)}, up to {size(found.memory_bytes)} of memory."]
    lines += [f"  {phase:10}  {duration(seconds)}" for phase, seconds in found.parts.items()]
    if not found.fits:
        lines.append(f"That does not fit into the {size(found.limit_bytes)} of memory that there are.")
    for sentence, changes in found.advice:
        sets = "".join(f" --set {field}={value}" for field, value in changes.items())
        lines.append(f"  {sentence}{f' ({sets.strip()})' if sets else ''}")
    return "\n".join(lines)


def scores(found: dict, run: Run, split: str = "test") -> str:
    """Headline, scores per class and the confusion matrix. found: as in metrics.json. split: test or validation."""
    test, matrix, is_test = found[split], found[split]["confusion_matrix"], split == "test"
    rows = sum(map(sum, matrix["counts"]))
    low, high = (found if is_test else test)["intervals"]["accuracy"]
    unseen = " that it had not seen" if is_test and "imported" not in found else ""
    lines = [
        named(run),
        f"Right {percent(test['accuracy'], 1)} of {count(rows, 'text')}{unseen} "
        f"(95% sure: {percent(low, 1)} to {percent(high, 1)}). Macro-F1 {rounded(test['macro_f1'], 3)}.",
    ]
    if is_test and "baseline" in found:
        lines.append(
            f"Word counting ({found['baseline']['name']}) is right {percent(found['baseline']['accuracy'], 1)}, "
            f"macro-F1 {rounded(found['baseline']['macro_f1'], 3)}."
        )
    per_class = [
        [label, *(rounded(one[key], 3) for key in ("precision", "recall", "f1")), one["support"]]
        for label, one in test["per_class"].items()
    ]
    lines += ["", grid(["class", "precision", "recall", "F1", "texts"], per_class)]
    shortened = [_shorten(label, 12) for label in matrix["labels"]]
    counts = [[label, *row] for label, row in zip(matrix["labels"], matrix["counts"], strict=True)]
    lines += [
        "",
        "Confusion matrix: rows are true labels, columns are predicted labels",
        grid(["", *shortened], counts),
    ]
    return "\n".join(lines)


def further(about: "Further") -> str:
    """How much of a further file was scored."""
    lines = [f"{about.name}: {count(about.rows, 'text was', 'texts were')} scored."]
    if about.left_out:
        lines.append(
            f"{count(about.left_out, 'row was', 'rows were')} left out, for no text or a label that the model does not know."
        )
    if about.too_good:
        lines.append(about.too_good)
    return "\n".join(lines)


def rules(run: Run, chosen: Rules, effects: Mapping[str, "Effect | None"]) -> str:
    """How the answers of a run are taken, and what that does. effects: to the validation and the test texts."""

    def said(threshold: float) -> str:
        return "a person, always" if threshold >= ALWAYS_A_PERSON else f"when at least {percent(threshold, 1)} sure"

    lines = [f"{named(run)} answers on its own {said(chosen.threshold)}."]
    if chosen.threshold >= ALWAYS_A_PERSON:
        unnamed = " that is not named here" if chosen.thresholds else ""
        lines = [f"{named(run)} leaves every answer{unnamed} to a person."]
    if not chosen.sends_any:
        lines = [f"{named(run)} answers every text on its own."]
    lines += [f"  {label}: {said(threshold)}" for label, threshold in chosen.thresholds.items()]
    corrected = "as it is" if chosen.temperature == 1.0 else f"corrected (temperature {rounded(chosen.temperature, 2)})"
    lines.append(f"Its confidence is {corrected}.")
    for split, effect in effects.items():
        if effect:
            right = "" if effect.accuracy is None else f", right {percent(effect.accuracy, 1)} of them"
            texts = count(effect.texts, f"{split} text")
            lines.append(f"Of {texts} it answers {percent(effect.covered, 1)} on its own{right}.")
    if chosen.outlived:
        lines.append(OUTLIVED)
    return "\n".join(lines)


def how(lines: Sequence[str]) -> str:
    """How to use what was written or sent: engine/serving/ways.py."""
    return "\n".join(["To use it:", *(f"    {line}" for line in lines)])


def run_list(
    runs: list[Run],
    none: str = "There are no runs yet. Start one: train sample:support",
    sure: Mapping[str, Sequence[float]] | None = None,
) -> str:
    """sure: the intervals of their accuracy, of those that have one; None: not told."""
    if not runs:
        return none
    rows = [
        [
            run.id,
            _shorten(run.name, 40),
            run.status,
            "" if run.accuracy is None else rounded(run.accuracy, 3),
            *([] if sure is None else [_between(sure[run.id]) if run.id in sure else ""]),
            "" if run.macro_f1 is None else rounded(run.macro_f1, 3),
            duration(run.seconds),
        ]
        for run in runs
    ]
    head = ["run", "name", "status", "accuracy", *([] if sure is None else ["95% interval"]), "macro-F1", "time"]
    return grid(head, rows)


def study_list(found: list[Standing]) -> str:
    if not found:
        return "There are no studies yet. Start one: study sample:support --models bundled,tfidf"
    rows = [
        [
            one.study.id,
            _shorten(one.study.name, 40),
            one.status,
            f"{one.ended} of {len(one.runs)}",
            one.study.created_at[:16],
        ]
        for one in found
    ]
    return grid(["study", "name", "status", "runs ended", "begun (UTC)"], rows)


def study_steps(found: Standing) -> dict[str, str]:
    """A line for each run of a study that has ended, by its id."""
    if found.progress:
        return {
            trial.run_id: f"{records.trial_label(trial.number)} is {trial.state}"
            + ("" if trial.score is None else f", macro-F1 {rounded(trial.score, 3)} on validation")
            + f" ({trial.run_id})"
            for trial in found.progress.trials
            if trial.state != "running"
        }
    return {
        run.id: f"{found.labels[run.id]} is {run.status}"
        + ("" if run.accuracy is None else f", right {percent(run.accuracy, 1)} of the time")
        + f" ({run.id})"
        for run in found.runs
        if run.status.ended
    }


def study(found: "Outcome") -> str:
    standing = found.standing
    lines = [
        named(standing.study),
        f"{standing.status}, on {standing.study.dataset_name}",
        "",
    ]
    if standing.progress:
        return "\n".join([*lines, _search(standing)])
    lines.append(run_list(standing.runs, "All its runs were deleted.", found.intervals))
    if standing.gone:
        lines.append(f"{standing.gone} of its runs {'was' if standing.gone == 1 else 'were'} deleted.")
    if found.curve:
        rows = [
            [
                point.rows,
                rounded(point.accuracy, 3),
                _between(point.interval),
                rounded(point.counting, 3),
            ]
            for point in found.curve.points
        ]
        lines += [
            "",
            grid(["texts", "accuracy", "95% interval", "word counting"], rows),
            "",
            found.curve.sentence,
            *([found.comparison.caveat] if found.comparison else []),
        ]
    elif found.comparison:
        lines += ["", *([found.note] if found.note else []), comparison(found.comparison)]
    return "\n".join(lines)


def _search(standing: Standing) -> str:
    found = standing.progress
    rows = [
        [
            trial.run_id,
            records.trial_label(trial.number),
            trial.state,
            "" if trial.score is None else rounded(trial.score, 3),
            trial.rounds,
            duration(trial.seconds),
            ", ".join(
                f"{field} {significant(value)}" if isinstance(value, float) else f"{field} {value}"
                for field, value in trial.values.items()
            ),
        ]
        for trial in found.trials
    ]
    head = ["run", "trial", "state", "macro-F1 on validation", "epochs", "time", "settings"]
    mattered = ", ".join(f"{field} {percent(share)}" for field, share in found.importance.items())
    lines = [
        f"{duration(found.spent)} of {duration(found.seconds)} used. {found.message}".strip(),
        "",
        grid(head, rows),
    ]
    return "\n".join(lines + ([f"What mattered: {mattered}."] if mattered else []))


def run_page(workspace: Workspace, run: Run) -> str:
    lines = [named(run), f"{run.status}{': ' + run.phase if run.phase else ''}"]
    lines += [sentence for sentence in (run.message, run.action) if sentence]
    if not run.status.ended and run.steps:
        left = f", {time_left(run.seconds_left)} left" if run.seconds_left else ""
        lines.append(how_far(run) + left)
    shown = queue.settings_of(workspace, run.id)
    lines += [f"  {field}: {value}" for field, value in shown.items()]
    metrics = workspace.run(run.id).metrics
    if metrics.exists():
        lines += ["", scores(read_json(metrics), run)]
    return "\n".join([*lines, f"Log: {workspace.run(run.id).log}"])


def settings(workspace: Workspace, found: dict[str, InForce], sizes: dict[str, int]) -> str:
    rows = [[field, one.shown, one.variable if one.origin == "environment" else one.origin] for field, one in found.items()]
    root, chosen_by = access.place(workspace)
    lines = [
        f"Workspace: {root} ({chosen_by}), {size(sum(sizes.values()))}; {size(space.free(workspace))} are free",
        f"Machine: {machine.describe()}",
        *([] if workspace.changeable else ["View-only: nothing can be started, changed or deleted."]),
        "",
        grid(
            ["the dashboard", "value", "from"],
            [[DASHBOARD[name], *one] for name, one in access.facts(workspace).items()],
        ),
        "",
        grid(["setting", "value", "from"], rows),
        "",
        grid(["on the disk", "size"], [[kind, size(taken)] for kind, taken in sizes.items()]),
    ]
    return "\n".join(lines)


def predictions(answers: list[Prediction], rules: Rules) -> str:
    return grid(
        ["label", "confidence", "text"],
        [
            [
                f"{a.label} (a person)" if rules.to_a_person(a.label, a.confidence) else a.label,
                percent(a.confidence, 1),
                _shorten(a.text, 80),
            ]
            for a in answers
        ],
    )


def answered_file(found: Result, out: str) -> str:
    lines = [f"{count(found.rows, 'row')} written to {out}"]
    lines += [grid(["label", "rows"], [[label, whole(rows)] for label, rows in found.counts.items()])]
    if found.empty:
        lines.append(f"{count(found.empty, 'row')} without a text: not answered.")
    if found.unread_count:
        lines.append(f"{whole(found.unread_count)} could not be read:")
        lines += [f"  {one.said}" for one in found.unread[:SHOWN_REJECTED]]
        if found.unread_count > SHOWN_REJECTED:
            lines.append(f"  ... and {whole(found.unread_count - SHOWN_REJECTED)} more")
        if found.lost:
            lines.append(f"Not in the result: the last {whole(found.lost)} of them.")
    if found.people:
        lines.append(f"{count(found.people, 'row goes', 'rows go')} to a person.")
    return "\n".join(lines)


def explanation(found: Explanation, answer: Prediction, then: Prediction | None) -> str:
    """The strongest words, and what the model says without some. then: what it says without those."""
    lines = [f"The model says {answer.label}, {percent(answer.confidence, 1)} sure."]
    if then:
        lines.append(f"Without the words that were struck out it says {then.label}, {percent(then.confidence, 1)} sure.")
    strongest = sorted(found.words, key=lambda word: -abs(word.part))[:SHOWN_WORDS]
    rows = [
        [found.said(word), "for" if word.part > 0 else "against", rounded(word.part, 3, signed=True)]
        for word in strongest
        if word.part
    ]
    lines += ["", f"What speaks for and against {found.label}:", grid(["word", "speaks", "part"], rows)]
    unread = sum(not word.read for word in found.words)
    if unread:
        lines.append(f"{count(unread, 'word or sign is', 'words and signs are')} not read by the model.")
    lines.append(
        f"All parts add up to {rounded(found.total, 3, signed=True)}; from a text of blanks to this one the score "
        f"goes from {rounded(found.blank, 3)} to {rounded(found.score, 3)}. Error {percent(found.error, 1)}."
        + (" That is much: take the parts for a rough picture." if found.rough else "")
    )
    return "\n".join(lines)


def grid(head: list[str], rows: list[list[object]]) -> str:
    """Columns in line: words to the left, figures to the right."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    figures = [all(_is_figure(row[i]) for row in cells[1:]) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if figure else cell.ljust(width)
            for cell, width, figure in zip(row, widths, figures, strict=True)
        ).rstrip()
        for row in cells
    )


def counter(stream: TextIO) -> Callable[[int, int], None]:
    """Shows how many texts are done, on a line that is written over; only where somebody looks."""

    def show(done: int, total: int) -> None:
        if stream.isatty():
            stream.write(f"\r{whole(done)} of {whole(total)}" + ("\n" if done == total else ""))
            stream.flush()

    return show


class ProgressLine:
    """One line that is written over on a terminal; elsewhere a new line whenever the phase or the epoch changes."""

    def __init__(self, stream: TextIO = sys.stderr):
        self.stream, self.live, self.last = stream, stream.isatty(), ""

    def show(self, run: Run, history: History) -> None:
        text, key = self._text(run, history), f"{run.status}{run.phase}{len(history.epochs)}"
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            self.stream.write("\r" + _shorten(text, width).ljust(width))
        elif key != self.last:
            self.stream.write(text + "\n")
        self.last = key
        self.stream.flush()

    def close(self) -> None:
        if self.live:
            self.stream.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")

    @staticmethod
    def _text(run: Run, history: History) -> str:
        waiting = "Waiting for the device" if run.started_at is None else "Ending"
        parts = [run.status.capitalize() if run.status.ended else run.phase.capitalize() or waiting]
        if run.steps and not run.status.ended:
            parts.append(how_far(run))
        if run.share and not run.status.ended:
            parts.append(f"{percent(run.share)} of all")
        if history.steps:
            parts.append(f"loss {rounded(history.steps[-1]['loss'], 3)}")
        if history.epochs:
            last = history.epochs[-1]
            parts.append(f"epoch {last['epoch']}: macro-F1 {rounded(last['scores']['macro_f1'], 3)} on validation")
        if run.seconds_left:
            parts.append(f"{time_left(run.seconds_left)} left")
        return "  ".join(parts)


def _between(edges: Sequence[float]) -> str:
    return f"{rounded(edges[0], 3)} to {rounded(edges[1], 3)}"


def _is_figure(cell: str) -> bool:
    return all(sign.isdecimal() or sign in AMONG_DIGITS for sign in cell)


def _shorten(text: str, width: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: max(1, width - 1)] + "…"
