import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.serving.batching import Batcher, Full, Limits


class Slow:
    """Answers each text with itself in capitals, and remembers how many it was asked about at a time."""

    def __init__(self, seconds: float = 0.05):
        self.seconds, self.batches = seconds, []

    def __call__(self, texts: list[str]) -> list[str]:
        self.batches.append(len(texts))
        time.sleep(self.seconds)
        if "" in texts:
            raise ValueError("an empty text")
        return [text.upper() for text in texts]


def played(model, limits, scene):
    """What `scene`, given a batcher before `model`, returns."""

    async def play():
        with ThreadPoolExecutor(1) as executor:
            batcher = Batcher(model, executor, limits)
            try:
                return await scene(batcher)
            finally:
                await batcher.close()

    with ThreadPoolExecutor(1) as apart:  # a browser of other tests keeps a loop of its own in this thread
        return apart.submit(asyncio.run, play()).result()


def test_what_arrives_together_is_answered_in_one_pass_and_everybody_gets_their_own():
    model = Slow()

    async def scene(batcher):
        return await asyncio.gather(*(batcher.ask([f"a{i}", f"b{i}"]) for i in range(10)))

    assert played(model, Limits(), scene) == [[f"A{i}", f"B{i}"] for i in range(10)]
    assert model.batches == [20]


def test_at_most_so_many_texts_and_characters_at_a_time_and_a_longer_request_alone():
    model, limits = Slow(0), Limits(batch_texts=4, batch_characters=100)

    async def scene(batcher):
        asked = [["a"]] * 6 + [["b"] * 9] + [["c" * 60]] * 2 + [["d" * 300]]
        return await asyncio.gather(*map(batcher.ask, asked))

    assert [len(one) for one in played(model, limits, scene)] == [1] * 6 + [9, 1, 1, 1]
    assert model.batches == [4, 2, 9, 1, 1, 1]


def test_a_full_queue_refuses_at_once_and_says_for_how_long_an_empty_one_takes_anything():
    begun, may_end = threading.Event(), threading.Event()

    def model(texts):
        begun.set()
        assert may_end.wait(60)
        return [text.upper() for text in texts]

    async def scene(batcher):
        first = asyncio.create_task(batcher.ask(["x"] * 50))
        await asyncio.to_thread(begun.wait)  # it is being answered
        waiting = asyncio.create_task(batcher.ask(["y"] * 10))
        await asyncio.sleep(0)
        with pytest.raises(Full):
            await batcher.ask(["z"])
        assert not first.done() and batcher.waiting == 10
        may_end.set()
        return len(await first), len(await waiting), await batcher.ask(["z"])

    limits = Limits(batch_texts=2, waiting_texts=10)
    assert played(model, limits, scene) == (50, 10, ["Z"])


def test_an_error_reaches_its_own_batch_and_the_next_one_is_answered():
    async def scene(batcher):
        with pytest.raises(ValueError, match="an empty text"):
            await batcher.ask([""])
        return await batcher.ask(["fine"])

    assert played(Slow(0), Limits(), scene) == ["FINE"]


def test_closing_answers_what_waits():
    model = Slow()

    async def scene(batcher):
        asked = [asyncio.create_task(batcher.ask([str(i)])) for i in range(9)]
        await asyncio.sleep(0)
        await batcher.close()
        return [task.result() for task in asked]

    assert played(model, Limits(batch_texts=2), scene) == [[str(i)] for i in range(9)]


def test_whoever_leaves_takes_nobody_else_along():
    async def scene(batcher):
        gone, stays = (asyncio.create_task(batcher.ask([text])) for text in "ab")
        await asyncio.sleep(0.02)
        gone.cancel()
        return await stays

    assert played(Slow(), Limits(), scene) == ["B"]
