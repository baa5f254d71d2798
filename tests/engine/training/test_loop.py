import hashlib

import numpy as np
import pytest
import torch

from engine.errors import TrainingError
from engine.models.loading import load_model, load_tokenizer
from engine.settings import TrainingConfig
from engine.training.batches import Batches
from engine.training.learner import Learner
from engine.training.loop import EpochScored, StepDone, train
from engine.training.scoring import probabilities
from engine.training.tokens import tokenize
from tests.words import easy_texts

LABELS = ["bad", "good"]


class Training:
    """A training of the tiny model on made-up texts, with everything it emits."""

    def __init__(
        self, folder, precision=torch.float32, stop_after=None, scores=None, before_step=None,
        scored_rows=10_000, **settings
    ):  # fmt: skip
        self.scored_rows = scored_rows
        self.config = TrainingConfig(**{"epochs": 4, "learning_rate": 3e-3, "batch_size": 16, **settings})
        torch.manual_seed(self.config.seed)
        tokenizer, self.model = load_tokenizer(folder), load_model(folder, LABELS)
        texts = easy_texts(320)
        encoded = tokenize(tokenizer, [text for text, _ in texts], 32)
        targets = np.array([LABELS.index(label) for _, label in texts])
        learnt, unseen = encoded.select(np.arange(240)), encoded.select(np.arange(240, 320))
        self.learner = Learner(self.model, learnt, targets[:240], precision, self.config)
        if before_step:
            step = self.learner.weights.step

            def disturbed(*args):
                before_step(self.model)
                return step(*args)

            self.learner.weights.step = disturbed
        batches = Batches(learnt.lengths, self.config.batch_size, self.config.seed)
        self.events, self.kept, self.scores = [], [], iter(scores or [])

        def score():
            right = probabilities(self.model, unseen, precision).argmax(axis=1) == targets[240:]
            return {"macro_f1": next(self.scores, right.mean()), "accuracy": right.mean()}

        self.state = train(
            self.learner, batches, self.config, score, self.scored_rows, lambda: self.kept.append(len(self.epochs) + 1),
            self.events.append, lambda: stop_after is not None and len(self.steps) >= stop_after,
        )  # fmt: skip

    @property
    def steps(self):
        return [event for event in self.events if isinstance(event, StepDone)]

    @property
    def epochs(self):
        return [event for event in self.events if isinstance(event, EpochScored)]

    def fingerprint(self):
        weights = b"".join(tensor.numpy().tobytes() for tensor in self.learner.state().values())
        return hashlib.sha256(weights).hexdigest()


def test_it_learns(tiny_model):
    training = Training(tiny_model)
    assert training.epochs[-1].scores["accuracy"] > 0.9
    assert np.mean([step.loss for step in training.steps[-10:]]) < np.mean([step.loss for step in training.steps[:10]]) / 2


def test_every_step_is_told_with_its_figures(tiny_model):
    training = Training(tiny_model, epochs=2)
    assert [step.step for step in training.steps] == list(range(1, 31))
    assert {step.steps for step in training.steps} == {30}
    assert [step.epoch for step in training.steps] == [1] * 15 + [2] * 15
    assert sum(step.texts for step in training.steps) == 480
    assert all(step.gradient > 0 for step in training.steps)


def test_the_seed_repeats_a_run_to_the_bit(tiny_model):
    first, second, other = (Training(tiny_model, epochs=1, seed=seed) for seed in (1, 1, 2))
    assert first.fingerprint() == second.fingerprint()
    assert [step.loss for step in first.steps] == [step.loss for step in second.steps]
    assert first.fingerprint() != other.fingerprint()


def test_bf16_learns_too(tiny_model):
    assert Training(tiny_model, precision=torch.bfloat16).epochs[-1].scores["accuracy"] > 0.9


def test_the_best_round_is_kept_and_the_last_of_equals(tiny_model):
    training = Training(tiny_model, scores=[0.5, 0.8, 0.8, 0.6])
    assert training.kept == [1, 2, 3]
    assert training.state.best_epoch == 3
    assert [epoch.best for epoch in training.epochs] == [True, True, True, False]


def test_on_few_rows_a_little_less_counts_as_equal_and_on_many_it_does_not(tiny_model):
    scores = [0.5, 0.85, 0.82, 0.6]
    assert Training(tiny_model, scores=scores, scored_rows=100).state.best_epoch == 3
    assert Training(tiny_model, scores=scores, scored_rows=10_000).state.best_epoch == 2


def test_a_stop_is_obeyed_after_the_step(tiny_model):
    training = Training(tiny_model, stop_after=5)
    assert training.state.stopped
    assert training.state.step == 5
    assert training.epochs == []


def test_a_loss_that_stays_no_number_ends_the_training_with_a_sentence(tiny_model):
    with pytest.raises(TrainingError, match="no longer a number") as failure:
        Damaged(tiny_model, range(100))
    assert "lower learning rate" in failure.value.action


def test_single_steps_that_are_no_number_are_skipped_and_counted(tiny_model):
    training = Damaged(tiny_model, {3, 4, 20})
    assert training.steps[-1].skipped == 3
    assert all(np.isfinite(step.loss) for step in training.steps)
    assert training.epochs[-1].scores["accuracy"] > 0.9


def test_training_stops_early_when_rounds_bring_nothing(tiny_model):
    training = Training(tiny_model, scores=[0.5, 0.8, 0.7, 0.7, 0.9], epochs=5, patience=2)
    assert len(training.epochs) == 4
    assert training.state.best_epoch == 2


class Damaged(Training):
    """A training in which the gradients of some steps are not numbers, as an overflow leaves them."""

    def __init__(self, folder, broken):
        self.broken, self.calls = broken, 0
        super().__init__(folder, before_step=self.damage)

    def damage(self, model):
        if self.calls in self.broken:
            model.classifier.weight.grad.fill_(float("nan"))
        self.calls += 1


def test_clipping_limits_the_correction_and_zero_turns_it_off(tiny_model):
    none, tight = (Training(tiny_model, epochs=1, gradient_clipping=norm) for norm in (0, 1e-9))
    assert none.epochs[0].scores["accuracy"] > tight.epochs[0].scores["accuracy"] - 1e-9
    assert none.fingerprint() != tight.fingerprint()
