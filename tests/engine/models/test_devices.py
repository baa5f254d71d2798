import subprocess
import sys

import pytest
import torch

from engine.errors import SettingsError
from engine.machine import cores
from engine.models.devices import MUCH_FASTER, bf16_speedup, pick_device, pick_precision

CPU = torch.device("cpu")


def test_the_processor_is_always_there():
    assert pick_device("cpu") == CPU


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_device_that_is_missing_is_said_so():
    with pytest.raises(SettingsError, match="no cuda device"):
        pick_device("cuda")


def test_automatic_precision_follows_the_measurement():
    assert pick_precision("auto", CPU) == (torch.bfloat16 if bf16_speedup(CPU) > 1.3 else torch.float32)
    assert pick_precision("fp32", CPU) == torch.float32
    assert pick_precision("bf16", CPU) == torch.bfloat16


def test_a_busy_machine_measures_what_an_idle_one_does():
    idle = bf16_speedup.__wrapped__(CPU)
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * cores())]
    try:
        for busy in (bf16_speedup.__wrapped__(CPU) for _ in range(5)):
            # A processor at the threshold may decide otherwise though it measures nearly the same.
            same = busy == pytest.approx(idle, rel=0.2)
            assert same or (busy > MUCH_FASTER) == (idle > MUCH_FASTER)
    finally:
        for hog in hogs:
            hog.kill()
