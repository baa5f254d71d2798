"""Loading without looking for garbage, in a process of its own: only the first time counts."""

import subprocess
import sys

from engine.processes import ROOT

FIRST_AND_SECOND = """
import gc, sys
from engine.libraries import loading

with loading():
    before = gc.get_stats()[0]["collections"]
    import torch
    assert gc.get_stats()[0]["collections"] == before
kept = gc.get_freeze_count()
assert gc.isenabled() and kept > 10_000
held = [[] for _ in range(100_000)]
with loading():
    assert gc.isenabled()
assert gc.get_freeze_count() <= kept
cycle = []
cycle.append(cycle)
del cycle
assert gc.collect() >= 1
"""
FAILED = """
import gc
from engine.libraries import loading

try:
    with loading():
        import nothing_of_this_name
except ModuleNotFoundError:
    assert gc.isenabled()
    print("said")
"""


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_first_loading_looks_for_no_garbage_and_what_comes_after_is_cleared_as_ever():
    run(FIRST_AND_SECOND)


def test_what_cannot_be_loaded_is_said_and_leaves_all_as_it_was():
    assert run(FAILED) == "said\n"
