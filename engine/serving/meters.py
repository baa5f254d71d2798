"""What a monitoring system may know of the service, in the text format of Prometheus. No text and no label is in it."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
FORMAT = CONTENT_TYPE_PLAIN_0_0_4


class Meters:
    """Of one service; two in a process do not meet."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "tuneboard_requests", "Requests that were answered.", ["path", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "tuneboard_request_seconds",
            "From a request's first byte to its answer's last.",
            ["path"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._waiting = Gauge("tuneboard_queue_texts", "Texts that wait.", ["model"], registry=self._registry)
        self._batches = Histogram(
            "tuneboard_batch_texts",
            "Texts that were answered at a time.",
            ["model"],
            buckets=TEXTS,
            registry=self._registry,
        )
        self._passes = Histogram(
            "tuneboard_batch_seconds",
            "From a batch's start to its answers.",
            ["model"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self.answered = 0

    def request(self, path: str, status: int, seconds: float) -> None:
        self._requests.labels(path, status).inc()
        self._seconds.labels(path).observe(seconds)
        self.answered += 1

    def queue(self, model: str, waiting: Callable[[], int]) -> None:
        """Let the length of a model's queue be read whenever somebody looks."""
        self._waiting.labels(model).set_function(waiting)

    def batch(self, model: str) -> Callable[[int, float], None]:
        """What is to be told of every batch of a model: its texts and its seconds."""
        texts, seconds = self._batches.labels(model), self._passes.labels(model)

        def measured(count: int, took: float) -> None:
            texts.observe(count)
            seconds.observe(took)

        return measured

    def page(self) -> bytes:
        return generate_latest(self._registry)
