"""Work of a graphics card that is recorded once and then replayed.

To start the kernels of a step one by one takes the processor longer than the card needs to run them (docs/performance.md);
a recording starts all of them at once.
"""

import warnings
from collections.abc import Callable

import torch

# Architectures of which it is known that they ask the card for nothing on the way.
RECORDED = {"bert", "roberta", "xlm-roberta", "camembert", "electra", "distilbert"}
MOST_RECORDINGS = 64


class Replays:
    """Recordings of a function of tensors (CUDA graphs), one for each shape of what it is given.

    The function gives nothing back: it changes tensors that stay where they are. It must not wait for the card. The first
    time that a shape comes the function is simply called, which lets libraries choose their kernels; the second time it is
    recorded, and from then on replayed. Where that fails, as for want of memory, no more are made.
    """

    def __init__(self) -> None:
        self.pool = None
        self.full = False
        self.met: set[tuple] = set()
        self.recordings: dict[tuple, tuple[torch.cuda.CUDAGraph, list[torch.Tensor]]] = {}

    def run(self, function: Callable[..., None], *tensors: torch.Tensor, **fixed: object) -> None:
        """`function(*tensors, **fixed)`, always the same function. fixed: what is no tensor is a part of the shape."""
        key = (*(tensor.shape for tensor in tensors), *fixed.items())
        if key in self.met and key not in self.recordings and not self.full:
            self._record(key, function, tensors, fixed)
        self.met.add(key)
        if key not in self.recordings:
            function(*tensors, **fixed)
            return
        graph, places = self.recordings[key]
        for place, tensor in zip(places, tensors, strict=True):
            place.copy_(tensor, non_blocking=True)
        graph.replay()

    def forget(self) -> None:
        """Drop all recordings and the memory that they hold, since it runs short, or since what they change was replaced."""
        self.met.clear()
        self.recordings.clear()
        self.pool, self.full = None, False

    def _record(self, key: tuple, function: Callable[..., None], tensors: tuple[torch.Tensor, ...], fixed: dict) -> None:
        # One pool for all: they never run at the same time, and nothing of one is needed by the next.
        self.pool = self.pool or torch.cuda.graph_pool_handle()
        torch.cuda.empty_cache()  # what the call before used is of no use to the recording
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        try:
            places = [tensor.clone() for tensor in tensors]
            with torch.cuda.graph(graph, pool=self.pool):
                function(*places, **fixed)
        except RuntimeError as error:  # mostly for want of memory; without a recording it goes on all the same
            warnings.warn(f"A step could not be recorded: {error}", stacklevel=2)
            self.full = True
            return
        finally:
            torch.cuda.set_stream(stream)
        self.recordings[key] = graph, places
        self.full = len(self.recordings) >= MOST_RECORDINGS
