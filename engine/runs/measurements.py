"""What was measured of a run that has not begun, kept by its configuration. Imports no torch, so that a page can ask."""

import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from engine import __version__, machine
from engine.settings import WORD_COUNTING, TrainingConfig

# What changes neither the time of a round nor the memory.
WITHOUT_EFFECT = {
    "preset", "epochs", "learning_rate", "warmup", "weight_decay", "schedule", "gradient_clipping", "balance",
    "label_smoothing", "patience", "seed", "train_share",
}  # fmt: skip


class Measured(BaseModel):
    """What was measured. Seconds, bytes.

    learning, checking, keeping: of one round: the steps, the scores on validation, the weights written.
    loading, tokenizing, preparing (features that are computed once), evaluating, saving: once in a run.
    resting_bytes: of memory_bytes, held between the steps. device_bytes: of the device, None: the machine's.
    piece_tokens: worked through at once at the worst length; most_tokens: the limit for it. longest: tokens of a text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    loading: float
    tokenizing: float
    preparing: float
    learning: float
    checking: float
    keeping: float
    evaluating: float
    saving: float
    memory_bytes: int
    resting_bytes: int
    device_bytes: int | None = None
    piece_tokens: int = 0
    most_tokens: int = 0
    longest: int = 0


class Failed(BaseModel):
    """Why it could not be measured, and what to do about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str
    action: str = ""


Kept = TypeAdapter(Measured | Failed)


def key(dataset_id: str, config: TrainingConfig) -> str:
    """What a measurement is kept under: the data, what of the settings matters, the model's files, and the machine."""
    settings = config.model_dump(exclude=WITHOUT_EFFECT)
    if config.model == WORD_COUNTING:
        settings = {"model": config.model}
    elif config.method != "lora":
        del settings["lora_rank"]
    folder = Path(config.model).expanduser()
    files = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in folder.glob("*.safetensors")]
    where = [__version__, version("torch"), machine.cores(), machine.gpu(), *_hardware()]
    told = json.dumps([dataset_id, settings, sorted(files), where], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:20]


def kept(path: Path) -> Measured | Failed | None:
    """What the file says; None where there is none, or a damaged one."""
    try:
        return Kept.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _hardware() -> list[str]:
    """The names of processor and graphics cards, as far as they are told without torch."""
    found = [platform.machine(), platform.processor()]
    sources = [Path("/proc/cpuinfo"), *sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))]
    for source in sources:
        try:
            lines = source.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        found += sorted({line for line in lines if line.lower().startswith("model")})
    return found
