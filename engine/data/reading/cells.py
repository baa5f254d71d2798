"""Values of other programs as the text of a cell."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from engine.data.kinds import names_in

MORE = {"text", "sentence", "content", "body", "comment"}  # an object with one of these is more than a label
LABELLED = 0.5  # from this score on, {"good": 0.9, "bad": 0.1} says good


class Wrapping(NamedTuple):
    """What is around the labels of a column where each value holds one at most.

    path: the keys of objects in one another that have no other. form: of what is in them: "named" {"id": 7, "name": "good"},
    "single" ['good'], or the classes of {'good': 1, 'bad': 0}; None for what is as it is, "empty" as long as nothing is.
    """

    path: tuple[str, ...] = ()
    form: str | frozenset[str] | None = "empty"

    @property
    def is_some(self) -> bool:
        return bool(self.path) or self.form not in (None, "empty")


UNKNOWN, NO_WRAPPING = Wrapping(), Wrapping(form=None)


def as_text(value: object) -> str:
    """Nothing for missing values, whole numbers without '.0', JSON for lists and objects.

    Of what MongoDB says the type of, {"$oid": "65f..."}, the value.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if not value.isascii() else value
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, dict) and len(value) == 1 and str(next(iter(value))).startswith("$"):
        return as_text(next(iter(value.values())))
    if isinstance(value, dict | list):
        return as_text(json.dumps(value, ensure_ascii=False, default=str))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def single_labels(values: list) -> list:
    """The values of a column without their wrapping, where each holds one label at most: ['good'], {'good': 1, 'bad': 0},
    {'cats': {'good': 1, 'bad': 0}}, or {'id': 7, 'name': 'good'}, also in a list.

    Otherwise the values as they are.
    """
    return unwrapped(values, wrapping(values))


def wrapping(values: Iterable, known: Wrapping = UNKNOWN) -> Wrapping:
    """What is around all labels of a column. known: around those before these."""
    for value in values:
        if known == NO_WRAPPING:
            break
        known = _around_both(known, _around(value))
    return known


def unwrapped(values: list, around: Wrapping) -> list:
    for key in around.path:
        values = [(value or {}).get(key) for value in values]
    if around.form == "named":
        return [_called(value) for value in values]
    if around.form == "single":
        return [value[0] if value else None for value in values]
    if isinstance(around.form, frozenset):
        return [next((name for name, score in (value or {}).items() if score >= LABELLED), None) for value in values]
    return values


def _around(value: object) -> Wrapping:
    path = []
    while isinstance(value, dict) and len(value) == 1:
        [(key, inner)] = value.items()
        if not isinstance(inner, dict) or str(key).startswith("$"):
            break
        path.append(key)
        value = inner
    form = None
    if value in (None, "", [], {}):
        form = "empty"
    elif _called(value):
        form = "named"
    elif isinstance(value, list) and len(value) == 1 and not isinstance(value[0], dict | list):
        form = "single"
    elif _is_one_hot(value):
        form = frozenset(value)
    return Wrapping(tuple(path), form)


def _around_both(one: Wrapping, other: Wrapping) -> Wrapping:
    """What both have in common."""
    for empty, filled in ((one, other), (other, one)):
        if empty.form == "empty" and filled.path[: len(empty.path)] == empty.path:
            return filled
    if one == other:
        return one
    same = 0
    while same < min(len(one.path), len(other.path)) and one.path[same] == other.path[same]:
        same += 1
    return Wrapping(one.path[:same], None)


def _called(value: object) -> str | None:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict) or value.keys() & MORE:
        return None
    names = list(filter(None, names_in(value)))
    return names[0] if len(names) == 1 else None


def _is_one_hot(value: object) -> bool:
    if not isinstance(value, dict) or len(value) < 2:
        return False
    scores = list(value.values())
    numbers = all(isinstance(score, int | float) and 0 <= score <= 1 for score in scores)
    return numbers and sum(score >= LABELLED for score in scores) == 1
