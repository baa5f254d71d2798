"""Work of a graphics card that is recorded once and then replayed.

To start the kernels of a step one by one takes the processor longer than the card needs to run them (docs/performance.md);
a recording starts all of them at once.
"""

from collections.abc import Callable

import torch


class Replayed:
    """A function of tensors that is recorded for each shape of what it is given (a CUDA graph), and replayed from then on.

    The function gives nothing back: it changes tensors that stay where they are. It must not wait for the card. The first
    time that a shape comes the function is simply called, which lets libraries choose their kernels; the second time it is
    recorded.
    """

    def __init__(self, function: Callable[..., None]):
        self.function = function
        self.pool = None
        self.met: set[tuple] = set()
        self.recordings: dict[tuple, tuple[torch.cuda.CUDAGraph, list[torch.Tensor]]] = {}

    def __call__(self, *tensors: torch.Tensor, **fixed: object) -> None:
        """fixed: what is no tensor; each combination is a shape of its own."""
        key = (*(tensor.shape for tensor in tensors), *fixed.items())
        if key not in self.met:
            self.met.add(key)
            self.function(*tensors, **fixed)
            return
        if key not in self.recordings:
            self.recordings[key] = self._record(tensors, fixed)
        graph, places = self.recordings[key]
        for place, tensor in zip(places, tensors, strict=True):
            place.copy_(tensor, non_blocking=True)
        graph.replay()

    def forget(self) -> None:
        """Drop all recordings and the memory that they hold, since it runs short, or since what they change was replaced."""
        self.met.clear()
        self.recordings.clear()
        self.pool = None

    def _record(
        self, tensors: tuple[torch.Tensor, ...], fixed: dict[str, object]
    ) -> tuple[torch.cuda.CUDAGraph, list[torch.Tensor]]:
        # One pool for all: they never run at the same time, and nothing of one is needed by the next.
        self.pool = self.pool or torch.cuda.graph_pool_handle()
        places = [tensor.clone() for tensor in tensors]
        torch.cuda.empty_cache()  # what the call before used is of no use to the recording
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            self.function(*places, **fixed)
        return graph, places
