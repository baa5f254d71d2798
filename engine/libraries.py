"""Loading torch, transformers and what stands on them."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """For the first imports of the large libraries: faster, and so is the end of the process.

    Python would look for garbage again and again meanwhile, and once more when it ends, among a million objects that all
    stay (docs/decisions.md). Those are left out of every later search.
    """
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
