"""How this Tuneboard is set up, as a whole: what is in force, and whether a variable, a person or nobody said so.

A variable of the environment wins; then what was chosen on the Settings page or with `settings --set`, which is kept in the
workspace; then the default. The settings of a single run are in engine/settings.py.
"""

import os
import re
import sys
from dataclasses import dataclass
from typing import Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from engine import figures, machine
from engine.errors import SettingsError
from engine.paths import Workspace, read_json, write_json, writing
from engine.settings import sentences

Value = str | int | bool
Origin = Literal["default", "settings", "environment"]
HUB = "https://huggingface.co"
YES = {"1", "ON", "YES", "TRUE"}  # what huggingface_hub takes for yes
LOGIN = re.compile(r"(?<=//)[^/@]+@")  # the name and password in an address
OTHERS = re.compile(r"(?i)(?<=bearer )\S+|(?<=basic )\S+|([?&;][\w.-]*(?:key|token|password|secret)=)[^&\s'\"]+")
SECRET_VARIABLE = re.compile(r"(?:KEY|TOKEN|PASSWORD|SECRET)S?(?![A-Z])")  # part of its name
LEAST_LETTERS = 8  # of what is masked wherever it stands: a shorter one may be any word, such as true


class Preferences(BaseModel):
    """What can be chosen. The description of a field is what the form shows as help."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where new runs compute unless they say otherwise. Automatic uses a graphics card if there is one."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """The number format in which new runs compute unless they say otherwise. Automatic measures which is faster."""

    threads: int = Field(0, ge=0, le=1024)
    """How many processor cores a run or a prediction may use; 0 is all. Fewer leave room for other work but take longer.
    With another number, the last digits of a result may differ."""

    hub: str = Field(HUB, max_length=400)
    """Where models and data sets of the Hugging Face hub are downloaded from. Enter only a mirror that you trust: you train
    on what it sends, and it receives your token if you have one."""

    offline: bool = False
    """Never connect to the hub. Earlier downloads, the bundled model and your own files still work."""

    language: figures.Language = "en"
    """How numbers and dates are written on pages, in reports and in the terminal. The words stay English, and so do the
    numbers in files for other programs (CSV, JSON, settings, code)."""

    tracker: Literal["off", "tensorboard", "mlflow", "wandb", "trackio"] = "off"
    """Where runs are also reported to: settings, loss, learning rate and scores, and the names of the run, its model and
    its data set. Never a text or a label. None: nothing leaves Tuneboard."""

    mlflow: str = Field("", max_length=400)
    """The address of an MLflow server, or sqlite:///FILE. Empty: a file in the workspace."""

    @field_validator("hub", "mlflow")
    @classmethod
    def _address(cls, value: str) -> str:
        return value.strip().rstrip("/")

    @field_validator("hub")
    @classmethod
    def _of_a_server(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
            raise ValueError("must be an address such as https://hub.example.org")
        return value


VARIABLES: dict[str, tuple[str, ...]] = {
    "device": ("TUNEBOARD_DEVICE",),
    "precision": ("TUNEBOARD_PRECISION",),
    "threads": (machine.THREADS,),
    "hub": ("HF_ENDPOINT",),
    "offline": ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"),
    "language": (figures.VARIABLE,),
    "tracker": ("TUNEBOARD_TRACKER",),
    "mlflow": ("MLFLOW_TRACKING_URI",),
}
# Read from their variables, deep in what computes, downloads and writes sentences.
OF_PROCESSES = ("threads", "hub", "offline", "language")
OURS = "TUNEBOARD_SET"  # names the variables that `apply` set, so that they are told from those of the person


@dataclass(frozen=True)
class InForce:
    """A preference as it holds now. variable: the one that says so, or that could."""

    value: Value
    origin: Origin
    variable: str

    @property
    def shown(self) -> Value:
        """As it may be shown to others."""
        return without_secrets(self.value) if isinstance(self.value, str) else self.value


def in_force(workspace: Workspace) -> dict[str, InForce]:
    """{field: what holds now}. Raises SettingsError for a value that cannot be used, WorkspaceError for a damaged file."""
    kept, found, wrong = _kept(workspace), {}, {}
    for field, variables in VARIABLES.items():
        variable = _deciding(field)
        value, origin = Preferences.model_fields[field].default, "default"
        if variable:
            value, origin = _given(variable), "environment"
            value = value.upper() in YES if field == "offline" else value
        elif field in kept:
            value, origin = kept[field], "settings"
        value, problem = _checked(field, value)
        found[field] = InForce(value, origin, variable or variables[0])
        wrong |= {variable or field: problem} if problem else {}
    if wrong:
        raise SettingsError(wrong)
    return found


def choose(workspace: Workspace, values: dict[str, object]) -> None:
    """Keep these choices beside those made before; an empty value, or the default, forgets one.

    Raises SettingsError naming each value that cannot be used, or that a variable of the environment decides already.
    """
    workspace.may_change()
    # Of two who choose at once, none loses a choice.
    with writing(workspace.root), FileLock(workspace.preferences_lock):
        write_json(workspace.preferences, _changed(_kept(workspace), values))


def _changed(kept: dict[str, Value], values: dict[str, object]) -> dict[str, Value]:
    """Raises SettingsError as `choose`."""
    kept, wrong = {**kept}, {}
    for field, wanted in values.items():
        default = Preferences.model_fields[field].default
        value, problem = _checked(field, default if wanted == "" else wanted)
        if variable := _deciding(field):
            problem = f"the variable {variable} decides; change or remove it where Tuneboard is started."
        elif field == "mlflow" and LOGIN.search(str(value)):
            problem = "passwords are not kept here; set the variable MLFLOW_TRACKING_URI instead."
        elif field == "device" and value not in ("auto", "cpu", machine.gpu()):
            problem = f"this machine has no {value} device; choose auto or cpu."
        if problem:
            wrong[field] = problem
        kept.pop(field, None)
        kept |= {field: value} if value != default else {}
    if wrong:
        raise SettingsError(wrong)
    return kept


def of_new_runs(workspace: Workspace) -> dict[str, Value]:
    """{setting of a run: value} for those that were decided for all."""
    found = in_force(workspace)
    return {name: found[name].value for name in ("device", "precision") if found[name].origin != "default"}


def apply(workspace: Workspace) -> None:
    """Let this process, and those that it starts, use as many threads as was chosen, and the hub only as was chosen, and
    write numbers as was chosen."""
    before, found, ours = os.environ.get(OURS, "").split(), in_force(workspace), []
    for field in OF_PROCESSES:
        variable, one = VARIABLES[field][0], found[field]
        if one.origin == "settings":
            os.environ[variable] = "1" if one.value is True else str(one.value)
            ours.append(variable)
        elif variable in before:
            os.environ.pop(variable, None)
    if not (ours or before):
        return
    os.environ[OURS] = " ".join(ours)
    constants = sys.modules.get("huggingface_hub.constants")
    if constants:  # it read the variables when it was imported, and looks at these whenever it asks
        constants.ENDPOINT, constants.HF_HUB_OFFLINE = found["hub"].value, found["offline"].value
        constants.HUGGINGFACE_CO_URL_TEMPLATE = constants.ENDPOINT + "/{repo_id}/resolve/{revision}/{filename}"


def without_secrets(sentence: str) -> str:
    """Without what lets others in: logins and keys in addresses, keys of a request, and the values of variables such as
    WANDB_API_KEY."""
    values = [one for name, one in os.environ.items() if SECRET_VARIABLE.search(name) and len(one) >= LEAST_LETTERS]
    for value in sorted(values, key=len, reverse=True):
        sentence = sentence.replace(value, "…")
    return OTHERS.sub(lambda found: f"{found[1] or ''}…", LOGIN.sub("…@", sentence))


def help_text(field: str) -> str:
    return " ".join(Preferences.model_fields[field].description.split())


def _kept(workspace: Workspace) -> dict[str, Value]:
    return read_json(workspace.preferences) if workspace.preferences.exists() else {}


def _deciding(field: str) -> str | None:
    """The variable that decides about this field."""
    return next((name for name in VARIABLES[field] if _given(name)), None)


def _given(variable: str) -> str | None:
    """What a person set a variable to; an empty one counts as not set, and so does one that `apply` set."""
    return None if variable in os.environ.get(OURS, "").split() else os.environ.get(variable) or None


def _checked(field: str, value: object) -> tuple[Value, str]:
    """(the value in its type, what is wrong with it)"""
    try:
        return getattr(Preferences(**{field: value}), field), ""
    except ValidationError as error:
        return value, sentences(error)[field]
