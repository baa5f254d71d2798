"""The bundled pretrained model on the samples: better than word counting, as the README says."""

import json
import subprocess
from pathlib import Path

import pytest

from tests import forked

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["support", "reviews"])
def test_fine_tuning_clearly_beats_word_counting(workspace, name):
    command = forked.command("engine", "train", f"sample:{name}", "--preset", "quick", "--json")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["baseline"]["accuracy"] < 0.93
    assert found["metrics"]["accuracy"] > found["baseline"]["accuracy"] + 0.04
    assert found["metrics"]["macro_f1"] > found["baseline"]["macro_f1"] + 0.04
