"""What a person decided about a table: the same file and the same recipe give the same data set."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from engine.data.repairs import remedy


class Recipe(BaseModel):
    """Frozen; stored with the data set, and shown there."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    text: tuple[str, ...] = Field(min_length=1)
    """The columns with the texts; several are joined by a line break."""

    label: str
    """The column with the labels; or several that mark one class each, 'good + bad'."""

    label_names: dict[str, str] = {}
    """{label in the file: name to use}. Two labels with the same name become one class; "" leaves the class out."""

    remedies: tuple[str, ...] = ()
    """Which remedies were asked for; see engine/data/repairs.py."""

    edits: dict[int, str] = {}
    """{row of the file, from 1: its label by hand}; "" leaves the row out."""

    split_by: Literal["share", "column", "file"] = "share"
    """Where the test rows come from: by chance, from a column, or from a second file."""

    split_column: str | None = None
    """The column that says train, validation or test."""

    group_column: str | None = None
    """Rows with the same value here stay in one split (the same customer, the same document)."""

    test_share: float = Field(0.15, gt=0, le=0.5)
    validation_share: float = Field(0.15, gt=0, le=0.4)

    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Where the chance of the split starts from."""

    @field_validator("text", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("remedies")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            remedy(name)
        return value

    @property
    def shares(self) -> dict[str, float]:
        return {
            "train": 1 - self.test_share - self.validation_share,
            "validation": self.validation_share,
            "test": self.test_share,
        }
