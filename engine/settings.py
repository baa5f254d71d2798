"""The settings of a training run: one source for the form, the command line and the checks."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import SettingsError


class TrainingConfig(BaseModel):
    """What a run is asked to do. Frozen: once a run is queued, nothing of it changes.

    The description of a field is what the form shows as help: what it counts and what it trades away.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    model: str = Field("bundled", min_length=1, max_length=400)
    """Which pretrained model to start from: 'bundled', a folder on this machine, or a name on the Hugging Face hub."""

    revision: str | None = Field(None, max_length=100)
    """The exact version (commit) of a hub model, so that the same run can be repeated later."""

    preset: Literal["quick", "balanced", "thorough"] = "balanced"
    """Which preset the other values were derived from."""

    epochs: int = Field(3, ge=1, le=200)
    """How often the model reads all training texts. More rounds take proportionally longer and learn the
    training texts better; too many and it learns them by heart. The best round on validation is kept."""

    learning_rate: float = Field(1e-4, gt=0, le=0.1)
    """How big each correction is. Higher learns faster but can overshoot and forget what the pretrained
    model knew; lower is safer and slower."""

    batch_size: int = Field(32, ge=1, le=1024)
    """How many texts are looked at before each correction. Larger is steadier and faster per text but needs
    more memory and makes fewer corrections per round."""

    max_tokens: int = Field(128, ge=8, le=8192)
    """How much of each text is read, in tokens (about 3/4 of a word each). Longer texts are cut off at the end.
    More takes more time and memory."""

    warmup: float = Field(0.1, ge=0, le=1)
    """The share of the training during which the learning rate rises from zero. A gentle start keeps the
    first corrections from damaging the pretrained model; a long one wastes time."""

    weight_decay: float = Field(0.01, ge=0, le=1)
    """Pulls the weights gently towards zero, against learning by heart. Too much and the model learns too little."""

    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """How the learning rate changes after the warm-up. Linear and cosine end near zero, which settles the model;
    constant keeps correcting, which suits open-ended training."""

    gradient_clipping: float = Field(1.0, ge=0, le=100)
    """The longest correction allowed (norm of the gradient). Protects against a few odd texts; 0 turns it off."""

    seed: int = Field(42, ge=0, le=2**31 - 1)
    """Where the random choices start from. The same seed on the same machine's processor gives the same model
    to the bit; another seed shows how much of a score is luck."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute. Auto takes a graphics card when there is one; a processor always works, more slowly."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """How many digits to compute with. bf16 is faster and lighter where the hardware supports it, at practically the
    same quality; fp32 is exact and works everywhere. Auto measures which is faster."""


def problems(**values: object) -> dict[str, str]:
    """{field: sentence} for every value that cannot be used; empty when all is well."""
    try:
        TrainingConfig(**values)
    except ValidationError as error:
        return {str(e["loc"][0]): _sentence(e) for e in error.errors()}
    return {}


def help_text(field: str) -> str:
    return " ".join((TrainingConfig.model_fields[field].description or "").split())


def parse_assignments(assignments: list[str]) -> dict[str, str]:
    """['epochs=3', 'seed=1'] -> {'epochs': '3', 'seed': '1'}.

    Raises SettingsError for a part without '=' and for unknown fields.
    """
    values, wrong = {}, {}
    for assignment in assignments:
        field, equals, value = assignment.partition("=")
        field = field.strip()
        if not equals:
            wrong[assignment] = "expected field=value, such as epochs=3."
        elif field not in TrainingConfig.model_fields:
            wrong[field] = f"there is no such setting. There are: {', '.join(TrainingConfig.model_fields)}."
        else:
            values[field] = value.strip()
    if wrong:
        raise SettingsError(wrong)
    return values


def _sentence(error: dict) -> str:
    limits, found = error.get("ctx", {}), error.get("input")
    match error["type"]:
        case "greater_than_equal":
            return f"must be at least {limits['ge']}; it is {found}."
        case "greater_than":
            return f"must be more than {limits['gt']}; it is {found}."
        case "less_than_equal":
            return f"must be at most {limits['le']}; it is {found}."
        case "literal_error":
            return f"must be one of {limits['expected']}; it is {found!r}."
        case "int_parsing" | "int_type" | "int_from_float":
            return f"must be a whole number; it is {found!r}."
        case "float_parsing" | "float_type" | "finite_number":
            return f"must be a number; it is {found!r}."
        case "extra_forbidden":
            return f"there is no such setting. There are: {', '.join(TrainingConfig.model_fields)}."
        case _:
            return f"{error['msg']}; it is {found!r}."
