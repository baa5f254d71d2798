"""JSON in the shapes that programs write: objects or lists, one per line or in a list, by column, by class, by split."""

import ast
import json
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from engine.data.names import LABEL_NAMES, TEXT_NAMES, split_of
from engine.data.reading.cells import UNKNOWN, Wrapping, as_text, unwrapped, wrapping
from engine.data.reading.columnar import CHUNK
from engine.data.reading.encodings import Encoding
from engine.data.reading.headers import has_header
from engine.data.reading.table import Rejections, check_width, named
from engine.errors import DataError

ROLES = TEXT_NAMES | LABEL_NAMES
BEFORE = re.compile(r"\ufeff?\s*(?:(?://|#)[^\n]*\n\s*)*(?:[\w.$\s]{1,60}=\s*(?=[\[{]))?")  # comments, 'window.data ='
COMMENT = r"//[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)"
# Comments, and commas behind the last. Nothing is tried twice (*+), however many comments there are.
LOOSE = re.compile(rf'("(?:\\.|[^"\\])*+"?)|{COMMENT}|,(?=(?:\s|{COMMENT})*+[\]}}])', re.S)
WRAPPERS = ("data", "rows", "records", "examples", "items", "results")  # under which APIs give their rows
EXAMPLES = ("patterns", "examples", "utterances", "phrases", "samples")  # under which a class has its texts
# Of a conversation: under which names its turns stand, who speaks, and what is said.
TURNS = ("messages", "role", "content"), ("conversations", "from", "value")
LEAST_KEYED = 5  # objects with objects inside, from which on their keys are no names of parts
LEAST_TEXTS = 10  # with their labels, {"a text": "good"}, from which on these are no names of columns
LOOKED_AT = 100  # lines or objects that a shape is told from
LONGEST_LITERAL = 2**22  # characters that Python's parser is given: it takes a hundred times the memory
MOST_BREAKS = 1000  # places where a damaged document is taken up again
# What Python's parser says, by how it begins, and what that is to a person; anything else is a sign that is missing.
PROBLEMS = {
    "Unterminated string": "a text without a quotation mark at its end",
    "Expecting value": "a value is missing, or has no quotation marks",
    "Invalid": "a character that cannot stand there like this",
    "Extra data": "something stands behind the end",
}
MISSING = "a quotation mark, comma or bracket is missing"

Progress = Callable[[int, int], None]
Records = list[dict]


def begins(start: str) -> bool:
    """Whether a text that begins like this may be JSON."""
    return BEFORE.sub("", start, count=1)[:1] in ("{", "[")


def parse_json(path: Path, encoding: Encoding, progress: Progress) -> tuple[pa.Table, str, Rejections]:
    """(table, "json" or "jsonl", rejected). Raises DataError where there is JSON in it, but no table.

    Of a document that is damaged, the objects before and behind the damage are read.
    """
    rejected = Rejections()
    kind = _kind_of_lines(path, encoding)
    if kind:
        with path.open(encoding=encoding.name, errors=encoding.errors) as file:
            values = _values_of_lines(file, kind, rejected, path.stat().st_size, progress)
            records = values if kind is dict else iter(_records_of_rows(list(values), rejected))
            return _as_table(records), "jsonl", rejected
    text = BEFORE.sub("", path.read_text(encoding=encoding.name, errors=encoding.errors), count=1)
    records = _records_of_document(text, rejected)
    if not records:
        raise DataError(
            "This is JSON, but there is no table in it.",
            'Expected [{"text": "...", "label": "..."}, ...] or one such object per line.',
            "json_shape",
        )
    return _as_table(iter(records)), "json", rejected


# -- one value per line -----------------------------------------------------------------------------


def _kind_of_lines(path: Path, encoding: Encoding) -> type | None:
    """What each line is, dict or list; None where the lines are no values by themselves."""
    with path.open(encoding=encoding.name, errors=encoding.errors) as file:
        lines = list(islice((line for line in file if line.strip() and not _is_comment(line)), LOOKED_AT))
    kinds = Counter(type(_loaded(line)) for line in lines) if len(lines) > 1 else Counter()
    return next((kind for kind in (dict, list) if kinds[kind] > 1 and 2 * kinds[kind] >= len(lines)), None)


def _loads(text: str) -> object:
    """A JSON value, though there are line breaks in its strings, comments or commas too many, or it is written as Python
    prints it.

    Raises ValueError, or RecursionError for what is nested too deeply.
    """
    try:
        return json.loads(text, strict=False)
    except ValueError as error:
        if len(text) > LONGEST_LITERAL:
            raise
        with suppress(ValueError):
            return json.loads(LOOSE.sub(lambda match: match[1] or "", text), strict=False)
        try:
            with warnings.catch_warnings(action="ignore"):  # backslashes that Python does not know
                value = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError):
            raise error from None
        if isinstance(value, dict | list):
            return _with_texts_as_keys(value)
        raise


def _with_texts_as_keys(value: object) -> object:
    """What Python prints, with no more than JSON can hold: there, all keys are texts."""
    if isinstance(value, dict):
        return {str(key): _with_texts_as_keys(inner) for key, inner in value.items()}
    return [_with_texts_as_keys(inner) for inner in value] if isinstance(value, list | tuple) else value


def _in_words(error: ValueError | RecursionError) -> str:
    """What is wrong with a JSON value."""
    if isinstance(error, RecursionError):
        return "too many brackets in one another"
    if not isinstance(error, json.JSONDecodeError):
        return "a number with too many digits"
    return next((words for start, words in PROBLEMS.items() if error.msg.startswith(start)), MISSING)


def _loaded(text: str) -> object:
    """None for what is no JSON."""
    try:
        return _loads(text)
    except (ValueError, RecursionError):
        return None


def _is_comment(line: str) -> bool:
    return line.lstrip("\ufeff \t").startswith(("//", "#"))


def _values_of_lines(file, kind: type, rejected: Rejections, size: int, progress: Progress) -> Iterator:
    found = 0
    for number, line in enumerate(file, start=1):
        if number % CHUNK == 0:
            progress(min(size, file.buffer.raw.tell()), size)
        line = line.strip("\ufeff \t\r\n").rstrip(",")
        if not line or _is_comment(line):
            continue
        try:
            value = _loads(line)
        except (ValueError, RecursionError) as error:
            rejected.add(number, f"not a JSON object ({_in_words(error)})", line, found)
            continue
        if isinstance(value, kind):
            found += 1
            yield value
        else:
            rejected.add(number, "not a JSON object", line, found)


# -- one document -----------------------------------------------------------------------------------


def _records_of_document(text: str, rejected: Rejections) -> Records:
    try:
        return _records_in(_loads(text), rejected) or []
    except (ValueError, RecursionError):
        return _whole_objects(text, rejected)


def _whole_objects(text: str, rejected: Rejections) -> Records:
    """Objects that have names in common with most of them, from wherever one begins."""
    objects, damaged = _objects_in(text)
    usual = Counter(map(frozenset, objects.values())).most_common(1)
    names = usual[0][0] if usual else frozenset()
    rows = [*(start for start, one in objects.items() if one.keys() & names), len(text)]
    found, line, counted, until = [], 1, 0, 0
    for start in sorted([*objects, *damaged]):
        line, counted = line + text.count("\n", counted, start), start
        if start in damaged:
            end, reason = damaged[start]
            if rows[len(found)] >= end:  # else it is around the next row
                rejected.add(line, reason, before=len(found))
                until = end
        elif objects[start].keys() & names:
            found.append(objects[start])
        elif start >= until:  # else it is inside of what is damaged
            reason = "an object that has no name in common with the others"
            rejected.add(line, reason, as_text(objects[start]), len(found))
    return found


def _objects_in(text: str) -> tuple[dict[int, dict], dict[int, tuple[int, str]]]:
    """({where one begins: whole object}, {where one begins: (where it is damaged, what is wrong)})."""
    decoder, objects, damaged = json.JSONDecoder(), {}, {}
    position, outer, last, breaks = text.find("{"), 0, -1, 0
    while position >= 0:
        if breaks > MOST_BREAKS:
            damaged[position] = len(text), "the file is too damaged to be read on from here"
            break
        try:
            record, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            breaks += 1
            at = getattr(error, "pos", position)
            if at == last:  # of objects in one another, the innermost is damaged
                del damaged[outer]
            if at >= last:  # else this is a bracket in a text of what is damaged
                outer, last = position, at
                damaged[position] = at, f"the file is damaged here ({_in_words(error)})"
            position = text.find("{", position + 1)
            continue
        if record:
            objects[position] = record
        position = text.find("{", end)
    return objects, damaged


def _records_in(value: object, rejected: Rejections) -> Records | None:
    """The rows of a JSON value; None where there are none."""
    if isinstance(value, list):
        return _records_of_list(value, rejected)
    return _records_of_object(value, rejected) if isinstance(value, dict) and value else None


def _records_of_list(items: list, rejected: Rejections) -> Records | None:
    kinds = Counter(map(type, items))
    kind = max((dict, list, str), key=lambda one: kinds[one])
    usual = [item for item in items if isinstance(item, kind)]
    if not usual:
        return None
    if kind is list and len(items) == 1:
        return _records_in(items[0], rejected)
    for position, item in enumerate(items, start=1):
        if not isinstance(item, kind):
            rejected.add(0, f"entry {position} of the list is not like the others")
    if kind is list:
        return _records_of_rows(usual, rejected)
    return _by_example(usual) if kind is dict else [{"text": text} for text in usual]


def _by_example(classes: Records) -> Records:
    """A record for each text where a record is a class with all its texts: {"tag": "greeting", "patterns": ["hi", ...]}."""
    texts = next((name for name in EXAMPLES if all(_are_texts(one.get(name)) for one in classes)), None)
    cells = [cell for one in classes for cell in one.values() if isinstance(cell, str)]
    if not texts or any(len(cell.split()) > 3 for cell in cells):  # then these are texts, with examples of something
        return classes
    others = [{name: cell for name, cell in one.items() if not isinstance(cell, list)} for one in classes]
    return [{"text": text, **other} for one, other in zip(classes, others, strict=True) for text in one[texts]]


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _records_of_rows(rows: list[list], rejected: Rejections, names: list[str] | None = None) -> Records:
    """names: of the columns; found in the first row, or numbers, if not given."""
    if names is None:
        looked_at = [[as_text(cell) for cell in row] for row in rows[:500]]
        if len(rows) > 1 and has_header(looked_at):
            names, rows = looked_at[0], rows[1:]
        else:
            width = Counter(map(len, rows)).most_common(1)[0][0]
            names = [str(number) for number in range(width)]
    names = named(names)
    found = []
    for position, row in enumerate(rows, start=1):
        if len(row) > len(names):
            reason = f"row {position} has {len(row)} cells where {len(names)} were expected"
            rejected.add(0, reason, as_text(row), len(found))
        else:
            found.append(dict(zip(names, [*row, *[None] * (len(names) - len(row))], strict=True)))
    return found


def _records_of_object(value: dict, rejected: Rejections) -> Records | None:
    parts = list(value.values())
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):  # pandas, "split"
        return _records_of_rows(value["data"], rejected, [as_text(name) for name in value["columns"]])
    if len(parts) > 1 and all(isinstance(part, dict) and part for part in parts):
        if all(map(split_of, value)):
            return _put_together(_tables_in(value), "split", rejected)
        found = _records_of_objects(value)
        if found:
            return found
    lists = {name: part for name, part in value.items() if isinstance(part, list)}
    if len(lists) > 1 and not any(isinstance(part, dict) for part in parts):
        # There may be a name, a version or a count beside them.
        found = _records_of_lists(lists)
        if found:
            return found
    if _are_texts_with_labels(value):
        return _by_text(value)
    tables = _tables_in(value)
    several = [name for name, (records, _) in tables.items() if len(records) > 1]
    if not several and len(parts) > 1:
        return [value]
    usual = [name for name in WRAPPERS if name in several]
    main = usual[0] if usual else max(tables, key=lambda one: len(tables[one][0]), default="")
    alike = {name: table for name, table in tables.items() if _belong_together(main, name, tables)}
    rejected.left_out += [as_text(name) for name in several if name not in alike]
    column = "split" if all(map(split_of, alike)) else "part"
    return _put_together(alike, column if len(alike) > 1 else None, rejected) or None


def _tables_in(value: dict) -> dict[str, tuple[Records, Rejections]]:
    """The parts of an object that hold rows, and what of each could not be read."""
    found = {}
    for name, part in value.items():
        rejected = Rejections()
        if records := _records_in(part, rejected):
            found[name] = records, rejected
    return found


def _belong_together(main: str, other: str, tables: dict[str, tuple[Records, Rejections]]) -> bool:
    """Whether two parts have the same names; those of splits may differ in some."""
    ours, theirs = (tables[name][0][0].keys() for name in (main, other))
    return ours == theirs or bool(split_of(main) and split_of(other) and ours & theirs)


def _put_together(tables: dict[str, tuple[Records, Rejections]], column: str | None, rejected: Rejections) -> Records:
    """One below the other. column: what is to say which part a row is from."""
    found = []
    for name, (records, theirs) in tables.items():
        rejected.take(theirs, len(found))
        found += [{**record, column: name} for record in records] if column else records
    return found


def _are_texts_with_labels(value: dict) -> bool:
    """Whether the keys are texts: {"a text": "its label"}."""
    if len(value) < LEAST_TEXTS or any(isinstance(label, dict | list) for label in value.values()):
        return False
    return 2 * sum(" " in text for text in value) > len(value)


def _by_text(value: dict) -> Records:
    return [{"text": text, "label": label} for text, label in value.items()]


def _records_of_objects(value: dict[str, dict]) -> Records | None:
    """Objects in an object: by column, {"text": {"0": ...}}, or by row, {"0": {"text": ...}}."""
    inner = list(dict.fromkeys(name for part in value.values() for name in part))
    cells = [cell for part in value.values() for cell in part.values()]
    if any(isinstance(cell, dict) or _holds_records(cell) for cell in cells):
        _, alike = Counter(map(frozenset, value.values())).most_common(1)[0]
        return list(value.values()) if len(value) >= LEAST_KEYED and alike >= 0.8 * len(value) else None
    if len(inner) > 2 * max(map(len, value.values())):
        return None
    named_outside, named_inside = ({str(name).lower() for name in names} & ROLES for names in (value, inner))
    by_column = all(map(str.isdecimal, inner)) or (len(inner) > len(value) and not named_inside)
    if by_column and not (named_inside and not named_outside):
        return [{name: value[name].get(row) for name in value} for row in inner]
    same = len({frozenset(part) for part in value.values()}) == 1
    return list(value.values()) if same or named_inside else None


def _holds_records(cell: object) -> bool:
    return isinstance(cell, list) and len(cell) > 1 and isinstance(cell[0], dict | list)


def _records_of_lists(value: dict[str, list]) -> Records | None:
    """Lists in an object: by column, {"text": [...], "label": [...]}, or the texts of each class, {"good": [...]}."""
    lists = list(value.values())
    if any(isinstance(cell, dict | list) for part in lists for cell in part[:LOOKED_AT]):
        return None
    texts = all(part and sum(" " in str(cell) for cell in part) > len(part) / 2 for part in lists)
    if texts and not {name.lower() for name in value} & ROLES:
        return [{"text": text, "label": name} for name, part in value.items() for text in part]
    usual, count = Counter(map(len, lists)).most_common(1)[0]
    columns = {name: part for name, part in value.items() if len(part) == usual}
    roles = {name.lower() for name in columns} & ROLES  # beside which a shorter list may name the classes
    if count < len(lists) and (len(roles) < 2 or usual < max(map(len, lists))):
        return None
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


# -- records as a table -----------------------------------------------------------------------------


def _as_table(records: Iterator[dict]) -> pa.Table:
    """A column for each name. What they are called, and what is around their labels, is only known behind the last record.

    Raises DataError where there are far too many names.
    """
    tables, around, flatten = [], {}, None
    records = map(_by_role, _one_per_text(records))
    while rows := list(islice(records, CHUNK)):
        if flatten is None:
            flatten = _hides_its_texts(rows)
        if flatten:
            rows = [dict(_leaves(record, ())) for record in rows]
        names = list(dict.fromkeys(chain.from_iterable(rows)))
        around |= {name: UNKNOWN for name in names if name not in around}
        check_width(len(around))
        arrays = []
        for name in names:
            cells = [row.get(name) for row in rows]
            texts = list(map(as_text, cells))
            around[name] = wrapping(dict(zip(texts, cells, strict=True)).values(), around[name])
            arrays.append(pa.array(texts, pa.large_string()))
        places = dict(zip(around, map(str, range(len(around))), strict=True))
        tables.append(pa.table(arrays, [places[name] for name in names]))
    whole = pa.concat_tables(tables, promote_options="default") if tables else pa.table({})
    columns = [pc.fill_null(column, "") for column in whole.columns]
    names = _last_names(list(around)) if flatten else list(around)
    return pa.table(list(map(_without_wrapping, columns, around.values())), list(map(as_text, names)))


def _without_wrapping(column: pa.ChunkedArray, around: Wrapping) -> pa.ChunkedArray:
    if not around.is_some:
        return column
    chunks = []
    for chunk in column.chunks:
        different = chunk.unique().to_pylist()
        labels = unwrapped([json.loads(cell) if cell else None for cell in different], around)
        found = dict(zip(different, map(as_text, labels), strict=True))
        chunks.append(pa.array(map(found.get, chunk.to_pylist()), pa.large_string()))
    return pa.chunked_array(chunks)


def _one_per_text(records: Iterator[dict]) -> Iterator[dict]:
    """{"a text": "good"} -> {"text": "a text", "label": "good"}, where each has a text of its own as its only key."""
    some = list(islice(records, LOOKED_AT))
    first = {name: cell for record in some if len(record) == 1 for name, cell in record.items()}
    records = chain(some, records)
    if 2 * len(first) > len(some) and _are_texts_with_labels(first):
        return chain.from_iterable(map(_by_text, records))
    return records


def _by_role(record: dict) -> dict:
    """{"messages": [{"role": "user", "content": ...}, ...]} -> {"user": ..., "assistant": ...}; of each role the last."""
    for name, who, what in TURNS:
        turns = record.get(name)
        if not isinstance(turns, list) or not turns:
            continue
        if all(isinstance(one, dict) and isinstance(one.get(who), str) and what in one for one in turns):
            others = {key: cell for key, cell in record.items() if key != name}
            roles = {one[who]: one[what] for one in turns}
            return others | {f"{name}.{role}" if role in others else role: said for role, said in roles.items()}
    return record


def _hides_its_texts(records: Records) -> bool:
    """Whether no column has texts by itself, but objects that may have them inside."""
    some = records[:LOOKED_AT]
    names = dict.fromkeys(name for record in some for name in record)
    check_width(len(names))
    cells = {name: [record[name] for record in some if record.get(name) not in (None, "")] for name in names}
    texts = any(
        values and sum(isinstance(one, str) and " " in one.strip() for one in values) > len(values) / 2
        for values in cells.values()
    )
    return not texts and any(isinstance(one, dict) for values in cells.values() for one in values)


def _last_names(ways: list[tuple[str, ...]]) -> list[str]:
    """Of the way to each column the last name; all of them, data.text, where two have the same."""
    last = Counter(way[-1] for way in ways)
    return [way[-1] if last[way[-1]] == 1 else ".".join(way) for way in ways]


def _leaves(value: dict, way: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, inner in value.items():
        while isinstance(inner, list) and len(inner) == 1 and isinstance(inner[0], dict | list):
            inner = inner[0]
        if isinstance(inner, dict) and inner:
            yield from _leaves(inner, (*way, name))
        elif isinstance(inner, list) and len(inner) > 1 and all(isinstance(one, dict) for one in inner):
            yield from _together([dict(_leaves(one, (*way, name))) for one in inner])
        else:
            yield (*way, name), inner


def _together(found: list[dict]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Of several objects in one list, such as the answers of two annotators: what they agree on, or a list."""
    by_way = defaultdict(list)
    for one in found:
        for way, value in one.items():
            by_way[way].append(value)
    for way, values in by_way.items():
        if all(value == values[0] for value in values):
            yield way, values[0]
        else:
            yield way, [part for value in values for part in (value if isinstance(value, list) else [value])]
