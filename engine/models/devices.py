"""Which device to compute on, and with how many digits: measured, not assumed."""

import statistics
import time
from dataclasses import dataclass
from functools import cache

import torch

from engine.errors import SettingsError

GLANCE, HOPELESS = 192, 0.5  # size of small matrices; with what is slower there, large ones need not be tried
WIDTH, PAIRS = 768, 9  # size of the large ones; measurements, of which the median counts
MUCH_FASTER = 1.3  # times, from which on bf16 is worth its fewer digits


@dataclass(frozen=True)
class Abilities:
    """What a device can do. bf16: how many times faster it is in that format. memory: its own, in bytes; None where it
    shares the machine's."""

    name: str
    bf16: float
    memory: int | None

    @property
    def prefers_bf16(self) -> bool:
        return self.bf16 > MUCH_FASTER


def abilities(wanted: str = "auto") -> Abilities:
    """Measured in a moment. Raises SettingsError as pick_device."""
    device = pick_device(wanted)
    memory = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else None
    return Abilities(name(device), bf16_speedup(device), memory)


def name(device: torch.device) -> str:
    """What people call it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "Apple GPU" if device.type == "mps" else "Processor"


def pick_device(wanted: str) -> torch.device:
    """The device for 'auto', 'cpu', 'cuda' or 'mps'. Raises SettingsError when this machine does not have it."""
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, there in present.items() if there))
    if not present[wanted]:
        raise SettingsError({"device": f"this machine has no {wanted} device that torch can use; choose auto or cpu."})
    return torch.device(wanted)


def pick_precision(wanted: str, device: torch.device) -> torch.dtype:
    """The number format for matrix multiplications: torch.float32 or torch.bfloat16."""
    if wanted == "auto":
        return torch.bfloat16 if bf16_speedup(device) > MUCH_FASTER else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[wanted]


@cache
def bf16_speedup(device: torch.device) -> float:
    """How many times faster `device` multiplies matrices in bf16 than in fp32; takes about 0.2 s.

    The median over pairs. A processor is judged by one thread's own computing time, so that a busy machine decides
    as an idle one does, which repeating a run to the bit needs. One that only imitates bf16 would take ten seconds: small
    matrices show that before.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = _speedup(device, GLANCE)
        return found if found < HOPELESS else _speedup(device, WIDTH)
    finally:
        torch.set_num_threads(threads)


def _speedup(device: torch.device, size: int) -> float:
    """Of (size, size) matrices."""
    for dtype in (torch.float32, torch.bfloat16):
        _multiply_seconds(device, dtype, size)  # the first time includes setting up
    return statistics.median(
        _multiply_seconds(device, torch.float32, size) / _multiply_seconds(device, torch.bfloat16, size)
        for _ in range(PAIRS)
    )


def _multiply_seconds(device: torch.device, dtype: torch.dtype, size: int) -> float:
    clock = time.thread_time if device.type == "cpu" else time.perf_counter
    a, b = (torch.ones(size, size, dtype=dtype, device=device) for _ in range(2))
    start = clock()
    (a @ b)[0, 0].item()  # reading one value waits for the device
    return clock() - start
