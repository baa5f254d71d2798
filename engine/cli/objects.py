"""What the commands print with --json, for scripts; terminal.py says the same to people."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd

from engine import access, machine
from engine.data.columns import Roles
from engine.data.datasets import load_info
from engine.data.drafting import Draft
from engine.data.health import Problem
from engine.data.reading import Table
from engine.data.reading.table import LISTED_REJECTED
from engine.data.revising import row_name
from engine.errors import NotFoundError
from engine.paths import Workspace, read_json
from engine.preferences import InForce
from engine.runs import queue, space
from engine.runs.forecast import Forecast
from engine.runs.store import Run
from engine.serving.explaining import Explanation
from engine.serving.prediction import Prediction
from engine.studies.progress import Progress
from engine.studies.records import Standing

if TYPE_CHECKING:
    from engine.results.comparison import Comparison  # which imports scipy
    from engine.studies.outcome import Outcome


def short(run: Run) -> dict:
    return {
        "run_id": run.id,
        "name": run.name,
        "status": str(run.status),
        "phase": run.phase,
        "reason": run.reason,
        "message": run.message,
        "action": run.action,
        "dataset": {"id": run.dataset_id, "name": run.dataset_name},
        "model": run.model_name,
        "progress": {
            "step": run.step,
            "steps": run.steps,
            "share": run.share,
            "seconds_left": run.seconds_left,
        },
        "attempt": run.attempt,
        "created_at": run.created_at,
        "seconds": run.seconds,
        "accuracy": run.accuracy,
        "macro_f1": run.macro_f1,
    }


def long(workspace: Workspace, run: Run) -> dict:
    found = {
        **short(run),
        "config": queue.config_of(workspace, run.id).model_dump(),
        "log": str(workspace.run(run.id).log),
    }
    metrics = workspace.run(run.id).metrics
    if metrics.exists():
        scored = read_json(metrics)
        found |= {
            "metrics": scored["test"],
            "validation": scored["validation"],
            "baseline": scored["baseline"],
            "checked": scored.get("checked"),
        }
    if source := queue.source_of(workspace, run.id):
        found["imported"] = source
    try:
        found["dataset"]["rows"] = load_info(workspace, run.dataset_id).rows
    except NotFoundError:
        found["dataset"]["deleted"] = True
    return found


def result(workspace: Workspace, run: Run) -> dict:
    """What `train --json` returns."""
    found = read_json(workspace.run(run.id).metrics)
    try:
        rows = load_info(workspace, run.dataset_id).rows
    except NotFoundError:  # it was deleted since
        rows = {}
    return {
        "run_id": run.id,
        "name": run.name,
        "status": str(run.status),
        "seconds": run.seconds,
        "model": run.model_name,
        "rows": {**rows, "train": found.get("train_rows", rows["train"])} if rows else {},
        "metrics": found["test"],
        "validation": found["validation"],
        "intervals": found["intervals"],
        "baseline": found["baseline"],
        "folder": str(workspace.run(run.id).model),
    }


def judged(found: dict) -> dict:
    """The scores in what `evaluate --json` returns. found: as in metrics.json, or of a further file."""
    named = {"test": "metrics", "validation": "validation", "intervals": "intervals", "baseline": "baseline"}
    return {name: found[key] for key, name in named.items() if key in found}


def checked(table: Table, roles: Roles, made: Draft | None, problems: list[Problem]) -> dict:
    return {
        "name": table.name,
        "format": table.format,
        "rows": len(table.frame),
        "columns": table.columns,
        "text": roles.text,
        "label": roles.label,
        "split_column": roles.split,
        "reasons": roles.reasons,
        "more_texts": roles.more_texts,
        "traps": [asdict(trap) for trap in roles.traps],
        "encoding": table.encoding,
        "separator": table.separator,
        "quote": table.quote,
        "header": table.header,
        "names_row": table.names_row,
        "sheet": table.sheet,
        "sheets": list(table.sheets),
        "left_out": list(table.left_out),
        "rejected": table.rejected_count,
        "rejected_rows": [one.shown() for one in table.rejected[:LISTED_REJECTED]],
        "short_rows": [one.shown() for one in table.padded],
        "problems": [
            {**asdict(problem), "rows": [one["row"] for one in problem.examples if "row" in one]} for problem in problems
        ],
        "applied": [{"remedy": name, "count": count} for name, count in made.applied] if made else [],
        "classes": {label: int(count) for label, count in made.rows["label"].value_counts().items()} if made else {},
        "split": made.counts() if made else {},
        "notes": made.notes if made else [],
    }


def forecast(found: Forecast) -> dict:
    """What `forecast --json` returns."""
    advice = [{"sentence": sentence, "set": changes} for sentence, changes in found.advice]
    return {**asdict(found), "advice": advice}


def comparison(found: "Comparison") -> dict:
    """What `compare --json` returns."""
    return {
        "rows": found.rows,
        "note": found.note,
        "favoured": found.favoured,
        "runs": [
            {
                "run_id": one.run.id,
                "name": one.run.name,
                "accuracy": one.accuracy,
                "macro_f1": one.macro_f1,
                "scores": one.scores,
                "intervals": one.intervals,
                "seconds": one.seconds,
                "milliseconds_per_text": one.milliseconds,
                "bytes": one.bytes,
                "best_trade_off": one.run.id in found.trade_offs,
            }
            for one in found.entries
        ],
        "baseline": {key: found.baseline[key] for key in ("name", "accuracy", "interval", "macro_f1", "train_rows")},
        "pairs": [
            {
                "a": pair.a,
                "b": pair.b,
                "difference": pair.difference,
                "difference_interval": list(pair.difference_interval),
                "only_a": pair.only_a,
                "only_b": pair.only_b,
                "p_value": pair.p_value,
                "p_value_adjusted": pair.adjusted,
                "macro_f1_difference": pair.macro_f1,
                "macro_f1_interval": list(pair.interval),
                "macro_f1_p_value": pair.macro_f1_p_value,
                "macro_f1_p_value_adjusted": pair.macro_f1_adjusted,
                "texts_needed": pair.needed,
                "better": pair.better,
                "verdict": verdict,
            }
            for pair, verdict in zip(found.pairs, found.verdicts, strict=True)
        ],
    }


def review(run: Run, judged: pd.DataFrame, listed: pd.DataFrame) -> dict:
    """What `review --json` returns. judged: every row that was looked at; listed: the worst of them."""
    return {
        "run_id": run.id,
        "dataset_id": run.dataset_id,
        "judged": len(judged),
        "doubtful": int(judged["doubtful"].sum()),
        "rows": [
            {
                "row": row_name(one.split, one.source_row),
                "split": one.split,
                "text": one.text,
                "label": one.label,
                "predicted": one.predicted,
                "probability_of_label": one.given,
                "confidence": one.sure,
                "doubtful": one.doubtful,
            }
            for one in listed.itertuples()
        ],
    }


def explanation(found: Explanation, answer: Prediction, then: Prediction | None) -> dict:
    """What `explain --json` returns. then: what the model says without the words that were struck out."""
    return {
        **asdict(answer),
        "explained": found.label,
        "score": found.score,
        "blank_score": found.blank,
        "words": [{"word": found.said(word), **asdict(word)} for word in found.words],
        "rest": found.rest,
        "sum": found.total,
        "error": found.error,
        "without": None if then is None else asdict(then),
    }


def study_short(found: Standing) -> dict:
    return {
        "study_id": found.study.id,
        "name": found.study.name,
        "kind": found.study.kind,
        "status": str(found.status),
        "dataset": {"id": found.study.dataset_id, "name": found.study.dataset_name},
        "created_at": found.study.created_at,
        "runs": [run.id for run in found.runs],
        "deleted_runs": found.gone,
    }


def study(found: "Outcome") -> dict:
    """What `study --json` returns, and `studies STUDY --json`."""
    standing = found.standing
    return {
        **study_short(standing),
        "runs": [
            {**short(run), "label": standing.labels[run.id], "accuracy_interval": found.intervals.get(run.id)}
            for run in standing.runs
        ],
        "note": found.note,
        "comparison": comparison(found.comparison) if found.comparison else None,
        **({"curve": asdict(found.curve)} if found.curve else {}),
        **({"search": _search(standing.progress)} if standing.progress else {}),
    }


def _search(found: Progress) -> dict:
    best = found.best
    return {**found.model_dump(), "spent": found.spent, "best": best.run_id if best else None}


def settings(workspace: Workspace, found: dict[str, InForce], sizes: dict[str, int]) -> dict:
    """What `settings --json` returns. sizes: of engine/runs/space.py."""
    return {
        "workspace": str(workspace.root),
        "bytes": sizes,
        "free_bytes": space.free(workspace),
        "machine": {
            "cores": machine.all_cores(),
            "memory_bytes": machine.memory_bytes(),
            "gpu": machine.gpu(),
        },
        "read_only": not workspace.changeable,
        "dashboard": {name: {"value": value, "origin": origin} for name, (value, origin) in access.facts(workspace).items()},
        "settings": {
            field: {"value": one.shown, "origin": one.origin, "variable": one.variable} for field, one in found.items()
        },
    }
