"""The two data sets that come with Tuneboard, written for it, to try everything with."""

from pathlib import Path

from engine.data.reading import Options, Table, read_file
from engine.errors import DataError

FOLDER = Path(__file__).parent / "samples"
SAMPLES = {
    "support": "Customer messages to a shop for smart-home devices, in six topics",
    "reviews": "Product reviews, positive or negative",
}


def read_sample(name: str) -> Table:
    """The sample called `name`. Raises DataError when there is none."""
    if name not in SAMPLES:
        raise DataError(f"There is no sample {name!r}.", f"There are: {', '.join(SAMPLES)}.", "no_such_sample")
    return read_file(FOLDER / f"{name}.csv")


def read_source(source: str, options: Options = Options()) -> Table:  # noqa: B008 (frozen)
    """'sample:support' or the path of a file."""
    kind, colon, name = source.partition(":")
    return read_sample(name) if kind == "sample" and colon else read_file(source, options)
