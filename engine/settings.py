"""The settings of a training run: one source for the form, the command line and the checks."""

from collections.abc import Collection
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import SettingsError
from engine.figures import significant

WORD_COUNTING = "tfidf"  # the model that is no neural network, and what may be set for it
WORD_COUNTING_HAS = {"model", "revision", "preset", "device", "train_share", "seed"}
MOST_EPOCHS = 200
LEAST_TOKENS, MOST_TOKENS = 8, 8192  # that are read of a text

# What people read: plain words first, the field's term beside them.
NAMES = {
    "epochs": "Epochs",
    "learning_rate": "Learning rate",
    "batch_size": "Batch size",
    "max_tokens": "Max tokens",
    "method": "Training method",
    "lora_rank": "LoRA rank",
    "freeze_embeddings": "Freeze embeddings",
    "frozen_layers": "Frozen layers",
    "kept_layers": "Kept layers",
    "read_mean": "Mean pooling",
    "head_first": "Train the head first",
    "layer_decay": "Layer-wise learning rate decay",
    "balance": "Class balancing",
    "label_smoothing": "Label smoothing",
    "train_share": "Share of the training texts",
    "dropout": "Dropout",
    "patience": "Early stopping (patience)",
    "accumulation": "Gradient accumulation (parts per batch)",
    "gradient_checkpointing": "Gradient checkpointing",
    "warmup": "Warm-up (share of training)",
    "weight_decay": "Weight decay",
    "average_weights": "Weight averaging",
    "schedule": "Learning rate schedule",
    "gradient_clipping": "Gradient clipping",
    "seed": "Random seed",
    "checkpoint_seconds": "Save progress every (seconds)",
    "device": "Device",
    "precision": "Precision",
}
CHOICES = {
    "full": "Full (the whole model)",
    "head": "Head (only the last layer)",
    "lora": "LoRA (small additions)",
    "none": "None",
    "weights": "Class weights",
    "focal": "Focal loss",
    "auto": "Automatic",
    "cpu": "Processor (CPU)",
    "cuda": "NVIDIA graphics card (CUDA)",
    "mps": "Apple graphics chip (MPS)",
    "fp32": "fp32 (exact)",
    "bf16": "bf16 (fast)",
    "linear": "Linear",
    "cosine": "Cosine",
    "constant": "Constant",
}


class TrainingConfig(BaseModel):
    """What a run is asked to do. Frozen: once a run is queued, nothing of it changes.

    The description of a field is what the form shows as help: what it counts and what it trades away.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    model: str = Field("bundled", min_length=1, max_length=400)
    """Which model: 'bundled', 'tfidf' (word counting), a folder on this machine, or a name on the Hugging Face hub."""

    revision: str | None = Field(None, max_length=100)
    """The exact version (commit) of a hub model, so that the same run can be repeated later."""

    preset: Literal["quick", "balanced", "thorough"] = "balanced"
    """Which preset the other values were derived from."""

    train_share: float = Field(1.0, gt=0, le=1)
    """Which share of the training texts to use, the same of every class; 1 is all of them. Less is faster but gives a weaker
    model. A smaller share is part of every larger one, and the test texts stay the same."""

    method: Literal["full", "head", "lora"] = "full"
    """Which part of the model is trained. Full: all of it, for the best scores. Head: only the last layer, which takes
    seconds but is weaker. LoRA: small additions beside the weights, which saves memory with large models."""

    lora_rank: int = Field(16, ge=1, le=256)
    """The size of the LoRA additions. Larger ones can learn more but need more memory."""

    freeze_embeddings: bool = False
    """Keep the word vectors (embeddings) as they were pretrained. Faster and lighter, since they are often half of a small
    model. It also keeps words that are missing from the training texts consistent with the others."""

    frozen_layers: int = Field(0, ge=0, le=200)
    """How many of the lowest layers stay as they were pretrained. Faster, and safer with few texts; with too many, the
    model cannot adapt. From 1 on, the embeddings are frozen too."""

    kept_layers: int = Field(0, ge=0, le=200)
    """How many layers of the model to use, counted from the first. Fewer are faster but somewhat weaker. 0 keeps all."""

    read_mean: bool = False
    """Classify by the mean of all tokens instead of the first token, with one more layer. For BERT models that were
    pretrained as sentence encoders, such as the bundled one: much better with few texts, a little slower."""

    head_first: bool = False
    """Train the last layer (the head) before the rest of the model. Helps with few texts. With many it takes
    time, and a single epoch with few classes can end up worse."""

    epochs: int = Field(3, ge=1, le=MOST_EPOCHS)
    """An epoch is one pass over the training texts. More epochs take proportionally longer; with too many, the model
    memorizes the training texts. The epoch that is best on validation is kept."""

    learning_rate: float = Field(1e-4, gt=0, le=0.1)
    """How large each update of the weights is. Higher learns faster but can overshoot and forget what the pretrained
    model knew; lower is safer but slower."""

    batch_size: int = Field(32, ge=1, le=1024)
    """How many texts the model reads before each update. Larger batches are steadier and faster per text, but need more
    memory and give fewer updates per epoch."""

    max_tokens: int = Field(128, ge=LEAST_TOKENS, le=MOST_TOKENS)
    """How many tokens of each text are read (a token is about 3/4 of a word). Longer texts are cut off at the end.
    More tokens take more time and memory."""

    accumulation: int = Field(1, ge=1, le=1024)
    """Into how many parts each batch is split. More parts need less memory; the updates stay the same."""

    gradient_checkpointing: bool = False
    """Compute intermediate values twice instead of storing them. Needs much less memory but is about a third slower."""

    layer_decay: float = Field(1.0, gt=0, le=1)
    """The learning rate is multiplied by this factor for each layer further down. Below 1, lower layers change less and
    keep what they know of the language, which helps with few texts."""

    balance: Literal["none", "weights", "focal"] = "none"
    """For classes of very different sizes. Class weights: rare classes count more. Focal loss: texts that the model is
    sure of count less. Both find more of the rare classes but raise more false alarms."""

    label_smoothing: float = Field(0.0, ge=0, le=0.5)
    """How much each label is softened during training. A little helps if some labels are wrong, and makes the model less
    confident."""

    patience: int = Field(0, ge=0, le=200)
    """Stop after this many epochs in a row without a better validation score. 0 never stops early."""

    dropout: float = Field(0.1, ge=0, le=0.5)
    """The share of values that each layer drops at random during training. It keeps the model from memorizing
    (overfitting)."""

    warmup: float = Field(0.1, ge=0, le=1)
    """The share of the training during which the learning rate rises from zero. A gentle start keeps the first updates
    from damaging the pretrained model; a long one wastes time."""

    weight_decay: float = Field(0.01, ge=0, le=1)
    """Pulls the weights gently towards zero, which reduces overfitting. With too much, the model learns too little."""

    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """How the learning rate changes after the warm-up. Linear and cosine fall to near zero, which settles the model.
    Constant stays the same, which suits open-ended training."""

    average_weights: bool = False
    """Use the average of the weights over the training, in which later ones count more. It settles the model in fewer
    epochs: beside a falling learning rate over several, and instead of one in a single epoch."""

    gradient_clipping: float = Field(1.0, ge=0, le=100)
    """The largest update allowed (norm of the gradient). Protects against a few odd texts; 0 turns it off."""

    checkpoint_seconds: int = Field(60, ge=0, le=86400)
    """The least time between two saved states within an epoch. After an interruption, the run continues from the last one.
    Saving never takes more than 2% of the time, whatever is set here."""

    seed: int = Field(42, ge=0, le=2**31 - 1)
    """The starting point of all random choices. The same seed on the same processor gives exactly the same model;
    another seed shows how much of a score is luck."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute. Automatic uses a graphics card if there is one; a processor always works, but more slowly."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """The number format to compute in. bf16 is faster and lighter where the hardware supports it, at practically the same
    quality; fp32 is exact and works everywhere. Automatic measures which is faster."""

    @property
    def counts_words(self) -> bool:
        """Whether the model is no neural network but word counting."""
        return self.model == WORD_COUNTING


def problems(**values: object) -> dict[str, str]:
    """{field: sentence} for every value that cannot be used; empty when all is well."""
    try:
        TrainingConfig(**values)
    except ValidationError as error:
        return sentences(error)
    return {}


def sentences(error: ValidationError) -> dict[str, str]:
    """{field: what is wrong with its value}"""
    return {str(one["loc"][0]): _sentence(one) for one in error.errors()}


def applying(config: TrainingConfig) -> dict[str, object]:
    """The settings that mean something for this model."""
    values = config.model_dump()
    if config.model != WORD_COUNTING:
        return values
    thinned = {"train_share", "seed"} if config.train_share < 1 else set()
    return {field: values[field] for field in values if field in {"model", "device"} | thinned}


def help_text(field: str) -> str:
    return " ".join((TrainingConfig.model_fields[field].description or "").split())


def called(field: str) -> str:
    """The name of a setting: 'Learning rate'"""
    return NAMES.get(field, field.capitalize())


def told(value: object) -> str:
    """The value of a setting, in words: 'yes', '0.00003', 'Automatic'; '' for None."""
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return significant(value)
        case str():
            return CHOICES.get(value, value)
    return "" if value is None else str(value)


def parse_assignments(assignments: list[str], fields: Collection[str] = TrainingConfig.model_fields) -> dict[str, str]:
    """['epochs=3', 'seed=1'] -> {'epochs': '3', 'seed': '1'}.

    Raises SettingsError for a part without '=' and for other than the known `fields`.
    """
    values, wrong = {}, {}
    for assignment in assignments:
        field, equals, value = assignment.partition("=")
        field = field.strip()
        if not equals:
            wrong[assignment] = "expected field=value, such as epochs=3."
        elif field not in fields:
            wrong[field] = f"there is no such setting. There are: {', '.join(fields)}."
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
        case "bool_parsing":
            return f"must be yes or no; it is {found!r}."
        case "value_error":
            return f"{limits['error']}; it is {found!r}."
        case "extra_forbidden":
            return f"there is no such setting. There are: {', '.join(TrainingConfig.model_fields)}."
        case _:
            return f"{error['msg']}; it is {found!r}."
