"""What the files of an archive are together: a table, several alike, one that names texts beside it, or folders of these."""

import posixpath
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pandas as pd

from engine.data.names import LABEL_NAMES, TEXT_NAMES
from engine.data.reading import encodings
from engine.data.reading.archives import TABLES, TEXTS, Member, folders_as_classes
from engine.data.reading.headers import PROMISING_ROWS, as_set, places, promise
from engine.data.reading.table import Options, Rejected, Table, named
from engine.errors import DataError

ABOUT = re.compile(r"(read.?me|licen[cs]e|copying|changelog|citation|authors|metadata|desktop\.ini|~\$)", re.I)
NAMED = 0.6  # share of rows that name a file beside the table, from which on these files are its texts
ONE_EACH = 0.9  # different files for so many of these rows: a class that happens to be called like a file has many rows
REPEATED = 0.5  # share of rows that stand in another table too, from which on one repeats the other
ALL = 0.99  # of the rows; the other table, which says more of each, is then taken instead
FEW_FILES, FEW_ROWS = 20, 5  # so few files with so many rows each may be tables, whatever folders they lie in

Read = Callable[[Path, str], Table]


def read_bundle(members: list[Member], name: str, options: Options, read: Read) -> Table:
    """The table that the members make together. read: (path, name to show) -> the table in one file.

    A table with other columns than the rest is left out, unless it is chosen as options.sheet. Raises DataError when no
    member can be read.
    """
    documents = folders_as_classes(members)
    if documents and not _are_tables(members, read):
        return _documents(documents, name)
    if any(member.name.endswith(".iwa") for member in members):
        raise DataError(
            f"{name} is a document of Apple's programs (Numbers, Pages), and no table that others can read.",
            "Open it there and export it as CSV or XLSX.",
            "not_a_table",
        )
    tables, left_out, problem = [], [], None
    members = [member for member in members if member.path.stat().st_size]
    wanted = [one for one in members if TABLES.fullmatch(PurePosixPath(one.name).suffix)] or members
    for member in members:
        path = PurePosixPath(member.name)
        if member not in wanted or _is_about(path):
            left_out.append(member.name)
            continue
        try:
            tables.append((member.name, read(member.path, member.name)))
        except DataError as error:
            left_out.append(member.name)
            problem = problem or error
    if not tables:
        raise problem or DataError(f"There is no table in {name}.", "Choose a file with one row per text.", "empty_file")
    chosen = [one for one in tables if one[0] == options.sheet] or _main(_without_copies(tables))
    left_out += [file for file, _ in tables if file not in dict(chosen)]
    left_out += [f"{file}: {part}" for file, table in chosen for part in table.left_out]
    whole = replace(chosen[0][1], name=name) if len(chosen) == 1 else _together(chosen, name)
    if len(tables) > 1:
        sheet = chosen[0][0] if len(chosen) == 1 else None
        whole = replace(whole, sheet=sheet, sheets=tuple(file for file, _ in tables))
    whole, used = _with_texts(whole, [member for member in members if member.name in left_out])
    return replace(whole, left_out=tuple(file for file in left_out if file not in used))


def _with_texts(table: Table, others: list[Member]) -> tuple[Table, set[str]]:
    """The table with what stands in the files that one of its columns names, and which files these are."""
    paths = {
        member.name: member.path
        for member in others
        if TEXTS.fullmatch(PurePosixPath(member.name).suffix) and not _is_about(PurePosixPath(member.name))
    }
    meant: dict[str, set[str]] = {}
    for file in paths:
        for name in _endings(file):
            meant.setdefault(name, set()).add(file)
    only = {name: min(files) for name, files in meant.items() if len(files) == 1}
    best: tuple[bool, list[str | None]] | None = None
    for column in table.columns if only else []:
        cells = [_spelt(cell.strip().replace("\\", "/")) for cell in table.frame[column]]
        files = _named_by([cell.removeprefix("./").lstrip("/") for cell in cells], only)
        here = [file for file in files if file]
        if len(here) >= NAMED * len(files) and len(set(here)) >= max(2, ONE_EACH * len(here)):
            counts = any(cells == [str(at) for at in range(first, first + len(cells))] for first in (0, 1))
            if best is None or (best[0] and not counts):  # a running number may be the name of another file
                best = counts, files
    if best is None:
        return table, set()
    texts = ["" if file is None else _content(paths[file]) for file in best[1]]
    name = _new_name(table.columns, "text", "text of the file")
    frame = pd.concat([table.frame, pd.DataFrame({name: texts}, dtype="str")], axis=1)
    return replace(table, frame=frame), {file for file in best[1] if file}


def _new_name(columns: list[str], name: str, longer: str) -> str:
    """For one column more: `name`, or `longer` where there is one of that name; with a number where there are both."""
    return named([*columns, longer if name in columns else name])[-1]


def _named_by(cells: list[str], only: dict[str, str]) -> list[str | None]:
    """The file that each cell names; where hardly any does, without the folder that all of the paths begin with."""
    found = [only.get(cell) for cell in cells]
    folder = posixpath.commonpath([cell.rpartition("/")[0] for cell in cells if cell] or [""])
    if folder and not any(found):
        found = [only.get(cell.removeprefix(f"{folder}/")) for cell in cells]
    return found


def _endings(file: str) -> set[str]:
    """What a cell may call a file: 'corpus/texts/1.txt', 'texts/1.txt', '1.txt', and each without '.txt'."""
    parts = _spelt(file).split("/")
    paths = {"/".join(parts[at:]) for at in range(len(parts))}
    return paths | {str(PurePosixPath(path).with_suffix("")) for path in paths}


def _spelt(name: str) -> str:
    """Programs differ in how they put accents together, and in capitals."""
    return unicodedata.normalize("NFC", name).casefold()


def _is_about(file: PurePosixPath) -> bool:
    """Whether it says something about the others: a readme, a licence."""
    return bool(ABOUT.search(file.name)) and not TABLES.fullmatch(file.suffix)


def _are_tables(members: list[Member], read: Read) -> bool:
    some = [one for one in members if one.path.stat().st_size and not _is_about(PurePosixPath(one.name))]
    if not 0 < len(some) <= FEW_FILES:
        return False
    try:
        tables = [read(one.path, one.name) for one in some]
    except DataError:
        return False
    return all(len(table.columns) > 1 and len(table.frame) >= FEW_ROWS for table in tables)


def _documents(documents: list[tuple[str, str, str, Path]], name: str) -> Table:
    columns: dict[str, list[str]] = {"text": [], "label": [], "split": [], "file": []}
    for label, split, file, path in documents:
        for column, value in zip(columns, (_content(path), label, split, file), strict=True):
            columns[column].append(value)
    if not any(columns["split"]):
        del columns["split"]
    return Table(pd.DataFrame(columns, dtype="str"), name, "folders")


def _content(path: Path) -> str:
    encoding = encodings.find_encoding(path)
    return path.read_text(encoding.name, errors=encoding.errors).replace("\x00", "")


def _main(tables: list[tuple[str, Table]]) -> list[tuple[str, Table]]:
    """Those with the same columns that hold most, and those that have more beside these.

    A single column rather is a list or a note.
    """
    groups: dict[frozenset[str], list[tuple[str, Table]]] = {}
    for file, table in tables:
        groups.setdefault(as_set(table.columns), []).append((file, table))

    def weight(group: list[tuple[str, Table]]) -> tuple[bool, int]:
        first, rows = group[0][1], sum(len(table.frame) for _, table in group)
        worth = promise(first.columns, first.frame.head(PROMISING_ROWS).to_numpy().tolist())
        return len(first.columns) > 1, rows * min(len(first.columns), 5) * worth

    largest = max(groups.values(), key=weight)
    labels = _labels(largest)
    for group in groups.values():  # without labels, many rows are of no use beside few that have them
        shared = as_set(group[0][1].columns) & as_set(largest[0][1].columns)
        if not labels and _labels(group) and shared & TEXT_NAMES:
            largest, labels = group, _labels(group)
    columns = largest[0][1].columns
    found = list(largest)
    for file, table in tables:
        ours, theirs = as_set(columns), as_set(table.columns)
        if ours == theirs or min(len(ours), len(theirs)) < 2:
            continue
        if theirs > ours or (theirs < ours and labels and labels <= theirs and not (ours - theirs) & TEXT_NAMES):
            shared = [name for name in columns if as_set([name]) <= theirs]
            known, same = (_fingerprints(some, shared) for some in ([one for _, one in found], [table]))
            if theirs > ours and known.isin(same).mean() >= ALL:
                return [(file, table)]
            if same.isin(known).mean() < REPEATED:
                found.append((file, table))
    return found


def _labels(group: list[tuple[str, Table]]) -> frozenset[str]:
    """The columns whose names say that they hold labels."""
    return as_set([name for name in group[0][1].columns if name.strip().lower() in LABEL_NAMES])


def _fingerprints(tables: list[Table], columns: list[str]) -> pd.Series:
    """A number for each row of the tables, by what stands in these columns."""
    rows = pd.concat([_with_names(table.frame, columns) for table in tables], ignore_index=True)
    return pd.util.hash_pandas_object(rows, index=False)


def _together(tables: list[tuple[str, Table]], name: str) -> Table:
    """Below one another; a column says which file each row is from, which may be its label or its split."""
    first = tables[0][1]
    column = _new_name(first.columns, "file", "file in the archive")
    origins = _origins([file for file, _ in tables])
    frames = [
        _with_names(table.frame, first.columns).assign(**{column: origin})
        for origin, (_, table) in zip(origins, tables, strict=True)
    ]
    return replace(
        first,
        frame=pd.concat(frames, ignore_index=True),
        name=name,
        rejected=_rejected(tables),
        rejected_count=sum(table.rejected_count for _, table in tables),
        padded=[replace(one, reason=f"{file}: {one.reason}") for file, table in tables for one in table.padded],
        padded_count=sum(table.padded_count for _, table in tables),
        damaged=sum(table.damaged for _, table in tables),
        foreign=sum(table.foreign for _, table in tables),
        broken=sum(table.broken for _, table in tables),
    )


def _with_names(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The columns in the order, and with the spelling, of another table; those that are not there are empty."""
    there = [name for name in names if as_set([name]) <= as_set(list(frame.columns))]
    found = frame.iloc[:, places(list(frame.columns), there)].set_axis(there, axis=1)
    return found if there == names else found.reindex(columns=names, fill_value="").astype("str")


def _without_copies(tables: list[tuple[str, Table]]) -> list[tuple[str, Table]]:
    """Those that do not say in another format what one before them says: data.csv, data.xlsx."""
    found: dict[str, list[tuple[str, Table]]] = {}
    for file, table in tables:
        alike = found.setdefault(str(PurePosixPath(file).with_suffix("")), [])
        if not any(_is_copy(table, first) for _, first in alike):
            alike.append((file, table))
    return [one for alike in found.values() for one in alike]


def _is_copy(table: Table, first: Table) -> bool:
    """Whether both say the same; numbers may be written in another way."""
    if as_set(table.columns) != as_set(first.columns) or len(table.frame) != len(first.frame):
        return False
    ours = _with_names(table.frame, first.columns)
    return all(_is_same(ours[name].str.strip(), first.frame[name].str.strip()) for name in first.columns)


def _is_same(one: pd.Series, other: pd.Series) -> bool:
    differ = (one != other).to_numpy(dtype=bool)
    numbers = pd.to_numeric(one[differ], errors="coerce"), pd.to_numeric(other[differ], errors="coerce")
    return bool((numbers[0] == numbers[1]).all())


def _rejected(tables: list[tuple[str, Table]]) -> list[Rejected]:
    """Those of all tables, each with its place among the rows of all."""
    found, before = [], 0
    for file, table in tables:
        places = [len(table.frame) if one.before is None else one.before for one in table.rejected]
        found += [
            replace(one, reason=f"{file}: {one.reason}", before=before + place)
            for one, place in zip(table.rejected, places, strict=True)
        ]
        before += len(table.frame)
    return found


def _origins(files: list[str]) -> list[str]:
    """What differs in the paths: train/data.csv, test/data.csv -> train, test."""
    paths = [PurePosixPath(file) for file in files]
    parts = [[*path.parent.parts, path.stem, path.suffix.strip(".")] for path in paths]
    if len({len(part) for part in parts}) > 1:
        return files
    differ = [i for i, names in enumerate(zip(*parts, strict=True)) if len(set(names)) > 1]
    if differ and differ != [len(parts[0]) - 1]:  # the ending says something only where nothing else does
        differ = [i for i in differ if i < len(parts[0]) - 1]
    found = ["/".join(part[i] for i in differ) for part in parts]
    return found if len(set(found)) == len(files) else files
