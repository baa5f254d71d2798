"""Requests answered together: one forward pass for all texts that arrive within a few milliseconds."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

RATE_MEMORY = 0.2  # how much the last batch counts in the seconds that a text takes


@dataclass(frozen=True)
class Limits:
    """batch_texts, batch_characters: the most that is answered at a time; a longer request goes alone.

    wait_seconds: how long the first text waits for company. waiting_texts: the longest queue; more is refused.
    """

    batch_texts: int = 64
    batch_characters: int = 32_000
    wait_seconds: float = 0.003
    waiting_texts: int = 1024


class Full(Exception):
    """The queue is full."""


@dataclass
class _Job:
    texts: Sequence[str]
    answers: asyncio.Future
    arrived: float

    @property
    def characters(self) -> int:
        return sum(map(len, self.texts))


class Batcher:
    """A queue before a model. Lives in the thread of the running event loop; the answers are made in the executor's."""

    def __init__(
        self,
        answer: Callable[[list[str]], Sequence],
        executor: Executor,
        limits: Limits,
        measured: Callable[[int, float], None] = lambda texts, seconds: None,
    ):
        """answer: one answer for each text, in the same order. measured: is told of every batch."""
        self._answer, self._executor, self._limits, self._measured = answer, executor, limits, measured
        self._jobs: deque[_Job] = deque()
        self._arrived, self._closing = asyncio.Event(), False
        self._seconds_per_text = 0.0
        self.waiting = 0  # texts
        self._work = asyncio.create_task(self._run())

    async def ask(self, texts: Sequence[str]) -> list[Any]:
        """One answer for each text, all from the same batch. Raises Full, and whatever `answer` raised.

        An empty queue takes any request, so that none is refused for ever.
        """
        if self.waiting and self.waiting + len(texts) > self._limits.waiting_texts:
            raise Full
        job = _Job(texts, asyncio.get_running_loop().create_future(), time.monotonic())
        self._jobs.append(job)
        self.waiting += len(texts)
        self._arrived.set()
        return await job.answers

    @property
    def backlog(self) -> float:
        """Seconds in which what waits should be answered, as far as this model alone is computed."""
        return self.waiting * self._seconds_per_text

    async def close(self) -> None:
        """Answer what waits, then end."""
        self._closing = True
        self._arrived.set()
        await self._work

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            if not self._jobs and self._closing:
                return
            if self.waiting < self._limits.batch_texts and not self._closing:
                await asyncio.sleep(self._jobs[0].arrived + self._limits.wait_seconds - time.monotonic())
            batch = self._take()
            if not self._jobs and not self._closing:
                self._arrived.clear()
            await self._settle(batch)

    def _take(self) -> list[_Job]:
        """The next requests: as many as are answered at a time, but one at least."""
        batch, texts, characters = [], 0, 0
        while self._jobs:
            job = self._jobs[0]
            texts, characters = texts + len(job.texts), characters + job.characters
            if batch and (texts > self._limits.batch_texts or characters > self._limits.batch_characters):
                break
            batch.append(self._jobs.popleft())
            self.waiting -= len(job.texts)
        return batch

    async def _settle(self, batch: list[_Job]) -> None:
        texts, began = [text for job in batch for text in job.texts], time.monotonic()
        try:
            answers = await asyncio.get_running_loop().run_in_executor(self._executor, self._answer, texts)
        except Exception as error:  # every request of the batch is told; the next batch may do better
            for job in batch:
                if not job.answers.done():
                    job.answers.set_exception(error)
            return
        seconds, place = time.monotonic() - began, 0
        self._measured(len(texts), seconds)
        share = RATE_MEMORY if self._seconds_per_text else 1.0
        self._seconds_per_text += share * (seconds / len(texts) - self._seconds_per_text)
        for job in batch:
            if not job.answers.done():  # else whoever asked has gone
                job.answers.set_result(answers[place : place + len(job.texts)])
            place += len(job.texts)
