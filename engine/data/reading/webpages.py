"""Tables of web pages and Excel's XML, as many programs export them under the name .xls."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.data.reading.encodings import find_encoding
from engine.data.reading.records import LINE
from engine.data.reading.spreadsheets import Rows
from engine.errors import DataError

LARGEST = 100 * 2**20  # bytes of a page, whose elements take many times as much
HEAD = 100_000  # bytes in which a page with a table has it
SAYS = 4096  # bytes in which a document says what it is
ROWS, CELLS = ("tr", "row"), ("td", "th", "cell")
BLOCKS = ("p", "div", "li", "tr", "br")  # which a page shows on lines of their own
UNSEEN = ("script", "style")
FEW_ROWS = 2  # of a form or a heading
ARRANGES = 0.5  # tables within a table, for each of its rows, from which on it holds no data itself
WIDEST = 1000  # columns that a row may have, and rows that a cell may span
SPANNED = 20_000_000  # characters that are there only because cells span others: few bytes could ask for more
MARKUP = re.compile(rb"<(?:!doctype|html|\?xml|table|head|meta)\b", re.I)
MAYBE_MARKUP = re.compile(rb"<(?:!--|(?:style|center|div|body|title|link|script|form|font|p|h[1-6])\b)", re.I)
DECLARED = re.compile(rb"(?i)charset\s*=\s*[\"']?([\w.:-]++)|<\?xml[^>]*?encoding=[\"']([\w.:-]++)")
WORKBOOK = re.compile(rb"<(?:\w++:)?Workbook[\s>]")
OPENS_ROW = re.compile(r"<(?:\w++:)?Row[\s/>]")
OF_EXCEL = "{urn:schemas-microsoft-com:office:spreadsheet}"


def begins(path: Path) -> bool | None:
    """Whether a file begins as a web page or XML. None where it may be one: then it is if there is a table in it."""
    with path.open("rb") as file:
        start = _plain(file.read(HEAD))
    if MARKUP.match(start):
        return True
    return None if MAYBE_MARKUP.match(start) and re.search(rb"<table\b", start, re.I) else False


def _plain(start: bytes) -> bytes:
    """The beginning of a file without what UTF-16 has between its letters."""
    return start.replace(b"\0", b"").lstrip(b"\xff\xfe\xef\xbb\xbf \t\r\n")


def tables(path: Path) -> list[tuple[str, Rows]]:
    """(name, [(number from 1, cells) of each row that is not blank]) of all tables with several rows and columns.

    A table that has others in many of its rows only arranges things. Raises DataError where a page is too large, or broken
    so that only a part of it can be read.
    """
    if path.stat().st_size > LARGEST:
        raise _unreadable("is too large")
    root = _parsed(path)
    if root is None:
        return []
    found = []
    for table, (own_rows, arranged) in _contents(root).items():
        if not arranged or arranged < ARRANGES * len(own_rows):
            rows = [(at, cells) for at, cells in enumerate(_rows(own_rows), 1) if any(map(str.strip, cells))]
            if len(rows) > FEW_ROWS and max(len(cells) for _, cells in rows) > 1:
                found.append((_name(table) or f"Table {len(found) + 1}", rows))
    return found


def _parsed(path: Path):
    """The root of the document; None where there is nothing in it."""
    from lxml import etree

    content = path.read_bytes()
    says = _plain(content[: 2 * SAYS])
    safely = {"encoding": "utf-8", "no_network": True, "huge_tree": True, "remove_comments": True}
    if excel := bool(WORKBOOK.search(says)):
        parser = etree.XMLParser(recover=True, resolve_entities=False, load_dtd=False, **safely)
    else:
        parser = etree.HTMLParser(**safely)
    text = _text(path, content, DECLARED.search(says))
    try:
        root = etree.fromstring(text.encode(errors="replace"), parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return None
    if root is None:
        return None
    fatal = any(one.level == etree.ErrorLevels.FATAL for one in parser.error_log)
    if fatal and not (excel and _has_all_rows(root, text)):
        raise _unreadable("is broken, and only a part of it can be read")
    etree.strip_elements(root, *UNSEEN, with_tail=False)
    return root


def _has_all_rows(workbook, text: str) -> bool:
    """Whether what is wrong with Excel's XML, such as an & that is not written as &amp;, cost no row."""
    rows = sum(_kind(one) == "row" for one in workbook.iter())
    return text.rstrip().endswith("Workbook>") and rows == len(OPENS_ROW.findall(text))


def _text(path: Path, content: bytes, declared: re.Match[bytes] | None) -> str:
    """What a document says of its encoding is believed unless it is in one of Unicode's."""
    found = find_encoding(path)
    if declared and not found.label.startswith("utf"):
        try:
            return content.decode((declared[1] or declared[2]).decode("ascii", "replace"))
        except (LookupError, UnicodeError):
            pass  # it says something else than it is
    return content.decode(found.name, found.errors)


@dataclass
class _Below:
    """Cells that go on in rows below. cells: by column, in how many more rows, and what they say."""

    cells: dict[int, tuple[int, str]] = field(default_factory=dict)
    spanned: int = 0

    def fill(self, row: list[str], until: int = 0) -> None:
        """Add to a row what has no cell of its own in it: what comes from above, and empty ones up to a place."""
        while len(row) < WIDEST and (len(row) < until or len(row) in self.cells):
            left, text = self.cells.pop(len(row), (0, ""))
            if left > 1:
                self.cells[len(row)] = (left - 1, text)
            self.spanned += 1
            row.append(text)

    def add(self, row: list[str], text: str, wide: int, high: int) -> None:
        """Add a cell to a row; the other columns that it spans are empty, the other rows say the same."""
        self.spanned += (wide * high - 1) * (1 + len(text))
        if self.spanned > SPANNED:
            wide = high = 1
        for one in [text, *[""] * (wide - 1)][: WIDEST + 1 - len(row)]:
            if high > 1:
                self.cells[len(row)] = (high - 1, one)
            row.append(one)


def _contents(root) -> dict[object, tuple[list, int]]:
    """{table: (its rows, how many tables stand right in it)}, in one walk, however deep they stand in each other.

    Without the rows of a table in one of its cells, and rows in a cell without a table: the text of the cell has them.
    """
    from lxml import etree

    rows, arranged = {}, Counter()
    tables, around = [], []  # that are open, and which of them or of their cells is the innermost
    for event, element in etree.iterwalk(root, events=("start", "end")):
        kind = _kind(element)
        if kind in ROWS and event == "start" and around and tables and around[-1] is tables[-1]:
            rows[tables[-1]].append(element)
        if kind not in ("table", *CELLS):
            continue
        if event == "end":
            around.pop()
        else:
            around.append(element)
        if kind == "table" and event == "end":
            tables.pop()
        elif kind == "table":
            arranged.update(tables[-1:])
            tables.append(element)
            rows[element] = []
    return {table: (own, arranged[table]) for table, own in rows.items()}


def _rows(elements: Iterable) -> Iterator[list[str]]:
    """elements: the rows of a table."""
    below = _Below()
    for element in elements:
        row: list[str] = []
        for cell in (one for one in element if _kind(one) in CELLS):
            below.fill(row, _number(cell, "Index", 1) - 1 if below.spanned < SPANNED else 0)
            wide = _number(cell, "colspan", 1) + _number(cell, "MergeAcross", 0)
            high = _number(cell, "rowspan", 1) + _number(cell, "MergeDown", 0)
            below.add(row, _spoken(cell), wide, high)
        below.fill(row)
        yield row


def _spoken(cell) -> str:
    """Its text with the line breaks that the page shows; those of the source are blanks. Of Excel's XML the data alone."""
    if _kind(cell) == "cell":
        return "".join(text for one in cell if _kind(one) == "data" for text in one.itertext())
    lines = "".join(_pieces(cell)).split(LINE)
    return "\n".join(filter(None, (" ".join(line.split()) for line in lines)))


def _pieces(cell) -> Iterator[str]:
    """The texts in a cell, with what the elements around them set them apart by."""
    from lxml import etree

    for event, element in etree.iterwalk(cell, events=("start", "end")):
        apart = LINE if element.tag in BLOCKS else " " if element.tag in CELLS else ""
        yield apart
        if event == "start":
            yield element.text or ""
        elif element is not cell:
            yield element.tail or ""


def _name(table) -> str:
    """Of the sheet that a table of Excel's XML is."""
    around = table.getparent()
    return (around.get(f"{OF_EXCEL}Name") or "").strip() if around is not None else ""


def _number(cell, name: str, otherwise: int) -> int:
    told = cell.get(name) or cell.get(OF_EXCEL + name) or ""
    return min(int(told), WIDEST) if re.fullmatch(r"[0-9]{1,6}", told) else otherwise


def _kind(element) -> str:
    """'row' for <Row>, <ss:Row> and <row>; '' for what is no element."""
    return element.tag.rpartition("}")[2].rpartition(":")[2].lower() if isinstance(element.tag, str) else ""


def _unreadable(what: str) -> DataError:
    return DataError(
        f"This web page {what}.",
        "Open it in the program that it is from, and save it as CSV or XLSX.",
        "damaged",
    )
