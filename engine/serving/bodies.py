"""What is asked over HTTP and what is answered, as pydantic models: checked on the way in, and shown in openapi.json."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

MOST_TEXTS = 256  # in a request
MOST_CHARACTERS = 20_000  # in a text
MOST_BYTES = 4_000_000  # in a request's body
EXAMPLE = "Where is my parcel? It was due on Monday."

Text = Annotated[str, Field(max_length=MOST_CHARACTERS)]


class One(BaseModel):
    model_config = ConfigDict(extra="forbid", title="One text", json_schema_extra={"examples": [{"text": EXAMPLE}]})
    text: Text


class Many(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        title="Several texts",
        json_schema_extra={"examples": [{"texts": [EXAMPLE, "I was charged twice."]}]},
    )
    texts: Annotated[list[Text], Field(min_length=1, max_length=MOST_TEXTS)]


def _which(body: Any) -> str:
    return "many" if isinstance(body, dict) and "texts" in body else "one"


Asked = Annotated[Annotated[One, Tag("one")] | Annotated[Many, Tag("many")], Discriminator(_which)]


class Answer(BaseModel):
    text: str
    label: Annotated[str, Field(description="The likeliest label.")]
    confidence: Annotated[float, Field(ge=0, le=1, description="Its probability, corrected by the temperature.")]
    probabilities: Annotated[dict[str, float], Field(description="Of every label, the likeliest first.")]
    to_a_person: Annotated[bool, Field(description="Below the threshold: a person should answer.")]


class Answers(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "support",
                    "version": "3f9c2b7a10de",
                    "predictions": [
                        {
                            "text": EXAMPLE,
                            "label": "delivery",
                            "confidence": 0.93,
                            "probabilities": {"delivery": 0.93, "billing": 0.07},
                            "to_a_person": False,
                        }
                    ],
                }
            ]
        }
    )
    model: str
    version: Annotated[str, Field(description="Changes when an answer may have changed.")]
    predictions: Annotated[list[Answer], Field(description="One for each text, in the same order.")]


class Scores(BaseModel):
    """On test texts that the model never saw."""

    accuracy: float
    macro_f1: float
    intervals: Annotated[dict[str, list[float]], Field(description="[low, high] of each score, at 95%.")]


class About(BaseModel):
    name: str
    version: str
    written_at: Annotated[str | None, Field(description="When the weights were written, UTC.")]
    labels: list[str]
    scores: Annotated[Scores | None, Field(description="null for a folder, which brings none.")]
    precision: Annotated[str, Field(description="What is computed in: fp32, bf16, or fp64 for word counting.")]
    threshold: Annotated[float, Field(description="Below this confidence a person should answer; 0: never, 1.01: always.")]
    thresholds: Annotated[dict[str, float], Field(description="Of labels that have one of their own.")]
    temperature: Annotated[float, Field(description="By which confidence is corrected; 1: not.")]


class Models(BaseModel):
    models: list[About]


class Versions(BaseModel):
    """Of every model by name, after a reload."""

    versions: dict[str, str]


class Health(BaseModel):
    status: Annotated[str, Field(description="ok, or stopping: what is asked now is still answered.")]
    models: list[str]


class Wrong(BaseModel):
    """Something that whoever asked can mend."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "not_valid",
                    "message": "text is missing.",
                    "action": "See /openapi.json for what is expected.",
                }
            ]
        }
    )
    code: Annotated[str, Field(description="A short stable name for scripts.")]
    message: str
    action: str
