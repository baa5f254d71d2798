"""What this machine is, told without importing torch, so that a page can ask in a millisecond."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import psutil

from engine import __version__
from engine.figures import rounded

DECISIVE = ("torch", "transformers", "scikit-learn")  # packages whose version can change a result
THREADS = "TUNEBOARD_THREADS"  # the variable that keeps runs from taking all cores


def all_cores() -> int:
    """How many processor cores the system lets this process use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def cores() -> int:
    """How many of them it shall use: all, or as many as engine/preferences.py says."""
    wanted = os.environ.get(THREADS, "")
    return min(int(wanted), all_cores()) if wanted.isdecimal() and int(wanted) else all_cores()


def sharing(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` for a process that computes on all cores beside others that also want them.

    Threads that wait for one another spin only briefly before they sleep: two trainings at once then take twice
    as long each, and not ten times (docs/decisions.md).
    """
    return {"GOMP_SPINCOUNT": "5000", **environment}


def memory_bytes() -> int:
    return psutil.virtual_memory().total


def gpu() -> str | None:
    """'cuda' or 'mps' where such a device seems to be present, else None.

    A guess from the outside; the worker asks torch and has the last word.
    """
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "mps"
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return None
    if Path("/proc/driver/nvidia/version").exists() or Path("/dev/dxg").exists():
        return "cuda"
    return None


def places(slot: str) -> int:
    """How many devices of this kind there are, so how many runs may train on them at once."""
    if slot != "cuda":
        return 1
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible:
        return len(visible.split(","))
    return max(1, len(list(Path("/proc/driver/nvidia/gpus").glob("*"))))


def device_slot(device: str) -> str:
    """The place in which a run for `device` has to queue: one run at a time per slot."""
    return (gpu() or "cpu") if device == "auto" else device


def describe() -> str:
    """One line for people: 'Processor with 2 cores, 24 GB memory'."""
    kinds = {"cuda": "NVIDIA GPU", "mps": "Apple GPU"}
    count = all_cores()
    device = kinds.get(gpu() or "", f"Processor with {count} core{'s' if count > 1 else ''}")
    return f"{device}, {rounded(memory_bytes() / 2**30)} GB memory"


def versions() -> dict[str, str]:
    """What a result may depend on: {name: version}."""
    return {
        "Tuneboard": __version__,
        "Python": platform.python_version(),
        **{package: version(package) for package in DECISIVE},
    }
