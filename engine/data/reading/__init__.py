"""Read the table that somebody has.

What a file is, is decided by its content; its extension may lie. All cells become text, a missing cell becomes "".
Rows that cannot be placed are counted and listed with their line and the reason.

    table         what reading gives, and how it can be told to read
    archives      ZIP and GZ, unpacked with care
    bundles       what the files of an archive are together
    encodings     which encoding a text file has
    separated     CSV and its relatives; sniffing: separator and quotes; records: one after another
    broken        records that stand in several lines
    headers       which row names the columns
    jsons         JSON and JSON lines
    fasttext      texts beside __label__marks
    parquet       Parquet and Arrow
    spreadsheets  XLSX, XLS, ODS
    webpages      tables of web pages and Excel's XML, which often are called .xls
"""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from engine.data.reading import (
    archives,
    bundles,
    encodings,
    fasttext,
    jsons,
    parquet,
    separated,
    sniffing,
    spreadsheets,
    webpages,
)
from engine.data.reading.columnar import as_frame
from engine.data.reading.table import Options, Rejected, Rejections, Table, check_width, named
from engine.errors import DataError

__all__ = ["Options", "Rejected", "Table", "is_at_most", "read_bytes", "read_file"]

Progress = Callable[[int, int], None]
EXPECTED = "Tuneboard reads CSV, TSV, TXT, JSON, JSONL, XLSX, XLS, ODS, Parquet, and ZIP or GZ of these."
OTHERS = {
    b"%PDF": "a PDF document",
    b"{\\rtf": "an RTF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"SQLite format 3": "a database",
    b"$FL2@(#)": "a file of SPSS",
    b"<stata_dta>": "a file of Stata",
    b"\x93NUMPY": "a file of NumPy",
    b"RDX2\n": "a file of R",
    b"RDX3\n": "a file of R",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a BZ2 archive",
    b"\xfd7zXZ": "an XZ archive",
    b"\x28\xb5\x2f\xfd": "a ZST archive",
    b"\x80\x04\x95": "a pickle, which can run programs when it is opened",
    b"\x80\x03": "a pickle, which can run programs when it is opened",
    b"\x80\x05\x95": "a pickle, which can run programs when it is opened",
}
ARROW_STREAM = b"\xff\xff\xff\xff"
ARFF = re.compile(rb"(?i)^[^\S\n]*@relation\b.*^[^\S\n]*@attribute\b", re.M | re.S)
ELEMENT = re.compile(rb"\s*<([A-Za-z][\w:.-]*+)[^<>]*>\s*<[A-Za-z]")
BEFORE_SQL = rb"(?:\s|\xef\xbb\xbf|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*+\*/;?)*+"  # comments
SQL = re.compile(
    BEFORE_SQL + rb"(?i:create table (?:if not exists )?[\w.`\"\[\]]+\s*\(|insert into [\w.`\"\[\]]+\s*(?:\(|values\b)|"
    rb"drop table (?:if exists )?[\w.`\"]+;|set \w+ *= *[^;\n]*;)"
)
BINARY_SHARE, FEW_CONTROLS = 0.02, 5  # control characters in a text file, beyond which it is none
SEPARATING = set("\x01\x1a\x1b\x1c\x1d\x1e\x1f")  # control characters that text files are known to hold


def read_file(
    path: str | Path,
    options: Options = Options(),  # noqa: B008 (frozen)
    *,
    name: str | None = None,
    progress: Progress = lambda done, total: None,
) -> Table:
    """Read the file at `path`. name: what to call it, if not by its file name. progress: bytes read, and in all.

    Raises DataError with a plain sentence when there is no such file or no table in it.
    """
    path = Path(path).expanduser()
    name = name or path.name
    try:
        if not path.stat().st_size:
            raise _empty()
        table = _named(_read(path, name, options, progress))
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.", "Check the name and the folder.", "no_such_file") from error
    except OSError as error:
        raise DataError(f"The file {path} cannot be opened ({error.strerror}).", code="unreadable_file") from error
    except MemoryError as error:
        raise DataError(f"{name} does not fit into the memory.", "Split it into smaller files.", "too_large") from error
    except DataError as error:
        message = error.message if name in error.message else f"{name}: {error.message}"
        raise DataError(message, error.action, error.code) from error
    return table


def is_at_most(path: Path, most: int) -> bool:
    """Whether a file takes at most so many bytes once all that is packed in it is unpacked; False where nothing tells.

    Of a damaged one, whether it takes no more itself: reading it ends at once.
    """
    with path.open("rb") as file:
        start = file.read(8)
    if path.stat().st_size > most or start.startswith((b"ARROW1", ARROW_STREAM)):
        return False
    try:
        return parquet.is_at_most(path, most) if start.startswith(b"PAR1") else archives.is_at_most(path, most)
    except (DataError, pa.ArrowException, *archives.NONSENSE):
        return True


def read_bytes(content: bytes, name: str, options: Options = Options()) -> Table:  # noqa: B008 (frozen)
    """Read a table out of a file's content; otherwise like read_file. name is only shown, never opened."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "content"
        path.write_bytes(content)
        return read_file(path, options, name=name)


def _read(path: Path, name: str, options: Options, progress: Progress) -> Table:
    if archives.is_archive(path):
        return _read_archive(path, name, options, progress)
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip() and path.stat().st_size < 2**20 and not path.read_bytes().strip():
        raise _empty()
    if start.startswith(b"PAR1"):
        return _table(parquet.parse_parquet(path), name=name, format="parquet")
    if start.startswith((b"ARROW1", ARROW_STREAM)):
        return _table(parquet.parse_arrow(path, start.startswith(ARROW_STREAM)), name=name, format="arrow")
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return _with_sheets(spreadsheets.parse_spreadsheet(path, options), name, "spreadsheet")
    other = next((what for mark, what in OTHERS.items() if start.startswith(mark)), None)
    markup = False if other else webpages.begins(path)
    if markup is not False and (found := webpages.tables(path)):
        book = spreadsheets.workbook([one for one, _ in found], found, options)
        return _with_sheets(book, name, "markup")
    if markup or (other is None and _is_one_element(path, start)):
        other = "a web page or XML, whatever its extension says"
    if other is None and ARFF.search(start):
        other = "a file of Weka (ARFF)"
    if other is None and SQL.match(start):
        other = "a dump of a database (SQL)"
    if other:
        raise DataError(
            f"This is {other}, and no table.",
            f"Open it in the program that it is from, and save it as CSV or XLSX. {EXPECTED}",
            "not_a_table",
        )
    return _read_text(path, name, options, progress)


def _is_one_element(path: Path, start: bytes) -> bool:
    """Whether all of a file is one element of XML, with others in it."""
    opens = ELEMENT.match(start)
    if not opens:
        return False
    closes = b"</" + opens[1] + b">"
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - len(start)))
        end = file.read()
    seen = start + end if size > len(start) else end
    return seen.rstrip().endswith(closes) and seen.count(closes) == 1


def _read_text(path: Path, name: str, options: Options, progress: Progress) -> Table:
    if path.stat().st_size >= separated.FAST_FROM and not options.encoding and encodings.starts_as_utf8(path):
        start = _start(path, "utf-8")
        parsed = None if _is_special(start, options) else separated.parse_fast(path, options)
        if parsed:
            return _separated(parsed, options, name=name, encoding="utf-8")
    encoding = encodings.find_encoding(path)
    if options.encoding and options.encoding != encoding.label:
        if not encodings.is_known(options.encoding):
            raise DataError(
                f"There is no encoding {options.encoding!r}.",
                "Choose one such as utf-8 or cp1252, or leave it to be found out.",
                "no_such_encoding",
            )
        encoding = encodings.Encoding(options.encoding)
    start = _start(path, encoding.name)
    read_as = {
        "name": name,
        "encoding": encoding.label,
        "damaged": encoding.damaged,
        "foreign": encoding.foreign,
    }
    if jsons.begins(start) and options.separator is None:
        try:
            columns, kind, rejected = jsons.parse_json(path, encoding, progress)
            numbered = columns.column_names == [str(number) for number in range(columns.num_columns)]
            return _table(
                columns,
                rejected=rejected,
                format=kind,
                names_row=0 if numbered else 1,
                left_out=tuple(rejected.left_out),
                **read_as,
            )
        except DataError as error:
            if error.code != "json_shape":
                raise
            if re.search(r"[\"']\s*:", start[:5000]) and sniffing.sniff(start).separator in (",", ""):
                raise  # else it is a text that begins with a bracket
    if options.separator is None and fasttext.is_fasttext(start):
        columns, names, rejected = fasttext.parse_fasttext(path, encoding)
        return _table(columns, names, rejected, format="fasttext", **read_as)
    return _separated(separated.parse(path, encoding, options, progress), options, **read_as)


def _start(path: Path, encoding: str) -> str:
    """The first characters. Raises DataError where they are none."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        start = file.read(100_000)
    filled = start.rstrip("\x00")  # some programs write blocks of one size
    controls = sum(map(filled.count, encodings.CONTROLS - SEPARATING))
    if controls > max(FEW_CONTROLS, BINARY_SHARE * len(start)):
        raise DataError("This is not a text table: it contains binary data.", EXPECTED, "binary")
    return start


def _is_special(start: str, options: Options) -> bool:
    return options.separator is None and (jsons.begins(start) or fasttext.is_fasttext(start))


def _separated(parsed: separated.Parsed, options: Options, **read_as) -> Table:
    separator = parsed.dialect.separator if len(parsed.names) > 1 or options.separator else None
    return _table(
        parsed.columns,
        parsed.names,
        parsed.rejected,
        parsed.padded,
        format="tsv" if separator == "\t" else "csv" if separator else "text",
        separator=separator,
        quote=parsed.dialect.quote,
        names_row=parsed.names_row,
        first_row=parsed.first_row,
        broken=parsed.broken,
        **read_as,
    )


def _with_sheets(book: spreadsheets.Workbook, name: str, format: str) -> Table:
    return _table(
        book.columns,
        book.names,
        book.rejected,
        name=name,
        format=format,
        names_row=book.names_row,
        first_row=book.first_row,
        sheet=book.sheet,
        sheets=tuple(book.sheets),
        left_out=tuple(book.left_out),
    )


def _read_archive(path: Path, name: str, options: Options, progress: Progress) -> Table:
    with tempfile.TemporaryDirectory() as folder:
        members = archives.unpack(path, name, Path(folder), progress=progress)
        return bundles.read_bundle(members, name, options, lambda member, shown: _read(member, shown, options, progress))


def _table(
    columns: pa.Table,
    names: list[str] | None = None,
    rejected: Rejections | None = None,
    padded: Rejections | None = None,
    **facts,
) -> Table:
    """names: of the columns, if they have others than `columns` says; those without a name and without content go."""
    names = columns.column_names if names is None else names
    kept = [i for i, name in enumerate(names) if name.strip() or not _is_blank(columns.column(i))]
    rejected, padded = rejected or Rejections(), padded or Rejections()
    return Table(
        as_frame(columns.select(kept), named([names[i] for i in kept])),
        rejected=rejected.kept,
        rejected_count=rejected.count,
        padded=padded.kept,
        padded_count=padded.count,
        **facts,
    )


def _is_blank(column: pa.ChunkedArray) -> bool:
    return bool(pc.all(pc.equal(pc.utf8_trim_whitespace(column), "")).as_py())


def _named(table: Table) -> Table:
    if table.frame.empty or not len(table.frame.columns):
        raise DataError("There are no rows below its header.", "Choose a file with one row per text.", "no_rows")
    check_width(len(table.frame.columns))
    return table


def _empty() -> DataError:
    return DataError("The file is empty.", "Choose a file with a header row and one row per text.", "empty_file")
