"""Values of other programs as the text of a cell."""

import json

NAMED_BY = ("label", "name", "value")  # what an object is called, {"id": 7, "name": "good"}
MORE = {"text", "sentence", "content", "body", "comment"}  # an object with one of these is more than a label
LABELLED = 0.5  # from this score on, {"good": 0.9, "bad": 0.1} says good


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
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def single_labels(values: list) -> list:
    """The values of a column without their wrapping, where each holds one label at most: ['good'], {'good': 1, 'bad': 0},
    {'cats': {'good': 1, 'bad': 0}}, or {'id': 7, 'name': 'good'}, also in a list.

    Otherwise the values as they are.
    """
    filled = [value for value in values if value not in (None, "", [], {})]
    keys = {key for value in filled if isinstance(value, dict) for key in value}
    if len(keys) == 1 and all(
        isinstance(value, dict) and isinstance(value[min(keys)], dict) for value in filled
    ):
        return single_labels([(value or {}).get(min(keys)) for value in values])
    if filled and all(map(_called, filled)):
        return [_called(value) for value in values]
    if filled and all(isinstance(value, list) and len(value) == 1 for value in filled):
        inner = [value[0] for value in filled]
        if not any(isinstance(one, dict | list) for one in inner):
            return [value[0] if value else None for value in values]
    if filled and all(map(_is_one_hot, filled)) and len({frozenset(value) for value in filled}) == 1:
        return [
            next((name for name, score in (value or {}).items() if score >= LABELLED), None)
            for value in values
        ]
    return values  # fmt: skip


def _called(value: object) -> str | None:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict) or value.keys() & MORE:
        return None
    names = [value[key] for key in NAMED_BY if isinstance(value.get(key), str) and value[key]]
    if not names and isinstance(value.get("displayName"), str):
        return value["displayName"] or None
    return names[0] if len(names) == 1 else None


def _is_one_hot(value: object) -> bool:
    if not isinstance(value, dict) or len(value) < 2:
        return False
    scores = list(value.values())
    numbers = all(isinstance(score, int | float) and 0 <= score <= 1 for score in scores)
    return numbers and sum(score >= LABELLED for score in scores) == 1
