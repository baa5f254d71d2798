"""Which settings to try next, by optuna, which writes down all it knows in a journal in the study's folder.

Imported only where a search goes on; everything else reads progress.py.
"""

import warnings
from pathlib import Path

import numpy as np
import optuna
from filelock import FileLock
from optuna.distributions import IntDistribution
from optuna.importance import get_param_importances
from optuna.pruners import BasePruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState, create_trial

from engine.settings import MOST_EPOCHS, TrainingConfig

NAME = "search"
BY_CHANCE = 5  # trials before the sampler believes that it has seen enough
HOPEFUL = 75.0  # percent: a trial goes on while it is among the better three quarters of those that were as far
COMPARED = 4  # complete trials that a trial is compared with before it is called hopeless
LEAST_FOR_IMPORTANCE = 6  # complete trials: fewer say nothing about what mattered
BATCHES = (8, 16, 32, 64)
RATE_TIMES = 5.0  # how far from the preset's learning rate it is sought
END = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Trials:
    """The trials so far. path: the journal. base: the settings that the search starts from. fields: what it changes."""

    def __init__(self, path: Path, base: TrainingConfig, fields: list[str], seed: int):
        _mend(path)
        self.base, self.fields = base, fields
        self.storage = JournalStorage(JournalFileBackend(str(path), _Alone(path)))
        if NAME not in [one.study_name for one in optuna.get_all_study_summaries(self.storage)]:
            optuna.create_study(storage=self.storage, study_name=NAME, direction="maximize")
        # A sampler that was opened anew would draw the same numbers again: each trial has a seed of its own.
        count = sum(one.state != TrialState.WAITING for one in self._all())
        self.study = optuna.load_study(
            study_name=NAME,
            storage=self.storage,
            sampler=TPESampler(seed=seed + count, n_startup_trials=BY_CHANCE),
            pruner=_AsFar(base.epochs),
        )

    def ask(self, number: int, most_rounds: int) -> dict[str, float | int | str]:
        """The settings of trial `number`, the first with those that the search starts from. Asked again, the same ones."""
        if not self._all():
            first = {field: getattr(self.base, field) for field in self.fields}
            self.study.enqueue_trial({**first, "epochs": min(first["epochs"], most_rounds)})
        begun = [one for one in self._all() if one.number == number and one.state != TrialState.WAITING]
        trial = self._open(number) if begun else self.study.ask()
        return {field: self._suggest(trial, field, most_rounds) for field in self.fields}

    def report(self, number: int, scores: list[float]) -> bool:
        """Tell the scores on validation of all rounds so far. Returns whether the trial is hopeless."""
        trial = self._open(number)
        known = self._all()[number]
        if known.state.is_finished():
            return False
        for step, score in enumerate(scores, start=1):
            if step not in known.intermediate_values:
                trial.report(score, step)
        return self._open(number).should_prune()

    def close(self, number: int, state: str, score: float | None) -> None:
        """Tell how a trial ended; one that was closed before stays as it is."""
        self.study.tell(number, score if state == "complete" else None, state=END[state], skip_if_finished=True)

    def importance(self) -> dict[str, float]:
        """How much of the difference between trials each setting made, in shares, the largest first; {} before enough ended.

        PED-ANOVA (Watanabe et al. 2023).
        """
        complete = [one for one in self._all() if one.state == TrialState.COMPLETE]
        if len(complete) < LEAST_FOR_IMPORTANCE:
            return {}
        # The rounds of late trials were bounded by the time that was left; measured, all had the same to choose from.
        whole = {"epochs": IntDistribution(*rounds_sought(self.base.epochs))}
        alike = optuna.create_study(direction="maximize")
        for one in complete:
            known = create_trial(value=one.value, params=one.params, distributions=one.distributions | whole)
            alike.add_trial(known)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that few trials say little, which the page says as well
            return get_param_importances(alike)

    def _suggest(self, trial: optuna.Trial, field: str, most_rounds: int) -> float | int | str:
        if field not in trial.params:
            self._draw(trial, field, most_rounds)
        value = trial.params[field]
        return float(f"{value:.3g}") if isinstance(value, float) else value

    def _draw(self, trial: optuna.Trial, field: str, most_rounds: int) -> None:
        value = getattr(self.base, field)
        match field:
            case "learning_rate":
                high = min(0.1, value * RATE_TIMES)
                trial.suggest_float(field, value / RATE_TIMES, high, log=True)
            case "epochs":
                fewest, most = rounds_sought(value)
                trial.suggest_int(field, fewest, max(fewest, min(most, most_rounds)))
            case "batch_size":
                trial.suggest_categorical(field, sorted({*BATCHES, value}))
            case "layer_decay":
                trial.suggest_float(field, min(0.7, value), 1.0)
            case "dropout":
                trial.suggest_float(field, 0.0, max(0.3, value))
            case "label_smoothing":
                trial.suggest_float(field, 0.0, max(0.2, value))
            case "balance":
                trial.suggest_categorical(field, ["none", "weights", "focal"])

    def _all(self) -> list[FrozenTrial]:
        return self.storage.get_all_trials(self.storage.get_study_id_from_name(NAME))

    def _open(self, number: int) -> optuna.Trial:
        study = self.storage.get_study_id_from_name(NAME)
        return optuna.Trial(self.study, self.storage.get_trial_id_from_study_id_trial_number(study, number))


def rounds_sought(epochs: int) -> tuple[int, int]:
    """(fewest, most) rounds that are tried where the preset asks for `epochs`."""
    return max(1, epochs // 2), min(MOST_EPOCHS, epochs * 2)


class _AsFar(BasePruner):
    """Compares trials after the same share of the rounds that each was to have, by their best score until then.

    The learning rate falls over all rounds of a trial: at round 2 of 8 it is still high, at round 2 of 2 all is settled. The
    steps of the journal are rounds. otherwise: rounds of a trial that did not choose how many.
    """

    def __init__(self, otherwise: int):
        self.otherwise = otherwise

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        if trial.last_step is None:
            return False
        share = trial.last_step / self._rounds(trial)
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        others = [score for one in complete if (score := self._best(one, share)) is not None]
        return len(others) >= COMPARED and self._best(trial, share) < np.percentile(others, 100 - HOPEFUL)

    def _best(self, trial: FrozenTrial, share: float) -> float | None:
        """The best score after so large a share of the rounds; None where not even the first was over."""
        until = share * self._rounds(trial) + 1e-9  # 3 / 7 * 7 is not quite 3
        return max((score for step, score in trial.intermediate_values.items() if step <= until), default=None)

    def _rounds(self, trial: FrozenTrial) -> int:
        return trial.params.get("epochs", self.otherwise)


class _Alone:
    """optuna's own locks outlive a process that was killed, by half a minute; this one goes with it."""

    def __init__(self, path: Path):
        self.lock = FileLock(f"{path}.lock")

    def acquire(self) -> bool:
        self.lock.acquire()
        return True

    def release(self) -> None:
        self.lock.release()


def _mend(path: Path) -> None:
    """Cut off a last line that was not written to its end: optuna could not read the journal any more."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)
