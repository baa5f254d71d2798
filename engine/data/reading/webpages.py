"""Tables of web pages and Excel's XML, as many programs export them under the name .xls."""

import re
from collections.abc import Iterator
from pathlib import Path

from engine.data.reading.encodings import find_encoding
from engine.data.reading.records import LINE

LARGEST = 100 * 2**20  # bytes of a page, whose elements take many times as much
ROWS, CELLS = ("tr", "row"), ("td", "th", "cell")
WIDEST = 1000  # columns that a row may have, and rows that a cell may span
SPANNED = 1_000_000  # cells that are there only because others span them; a page of a few bytes could ask for millions
DECLARED = re.compile(rb"(?i)charset\s*=\s*[\"']?([\w.:-]++)|<\?xml[^>]*+encoding=[\"']([\w.:-]++)")

Rows = list[tuple[int, list[str]]]


def tables(path: Path) -> list[tuple[str, Rows]]:
    """(name, [(number from 1, cells) of each row that is not blank]) of all tables with several rows and columns.

    Cells that span several rows say the same in each. A table in which another one stands only arranges things.
    """
    from lxml import etree

    if path.stat().st_size > LARGEST:
        return []
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True)
    try:
        root = etree.fromstring(_text(path).encode(errors="replace"), parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return []
    if root is None:
        return []
    etree.strip_elements(root, "script", "style", with_tail=False)
    for line_break in root.iter("br"):
        line_break.tail = f"{LINE}{line_break.tail or ''}"
    found = []
    for table in root.iter("table", "ss:table"):
        if next((one for one in table.iterdescendants() if _kind(one) == "table"), None) is None:
            rows = [(at, cells) for at, cells in enumerate(_rows(table), 1) if any(map(str.strip, cells))]
            if len(rows) > 1 and max(len(cells) for _, cells in rows) > 1:
                found.append((_name(table) or f"Table {len(found) + 1}", rows))
    return found


def _text(path: Path) -> str:
    """Without what a document says of its encoding first, a program that knows better is asked."""
    content = path.read_bytes()
    declared = DECLARED.search(content[:4096])
    name = next(filter(None, declared.groups()), b"").decode("ascii", "replace") if declared else ""
    found = find_encoding(path)
    if found.name not in ("utf-8", "utf-8-sig") and name:
        try:
            return content.decode(name)
        except (LookupError, UnicodeDecodeError):
            pass
    return content.decode(found.name, found.errors)


def _rows(table) -> Iterator[list[str]]:
    """The cells of each row. A cell that spans several columns is followed by empty ones; one that spans rows recurs."""
    below: dict[int, tuple[int, str]] = {}  # by column: in how many more rows a cell is, and what it says
    spanned = 0
    for row in table.iter():
        if _kind(row) not in ROWS:
            continue
        cells: list[str] = []
        for cell in (one for one in row if _kind(one) in CELLS):
            _fill(cells, below, _number(cell, "ss:index", 1) - 1)
            wide, high = _number(cell, "colspan", 1), _number(cell, "rowspan", 1)
            wide, high = (wide, high) if spanned < SPANNED else (1, 1)
            spanned += wide * high - 1
            for text in [_spoken(cell), *[""] * (wide - 1)][: WIDEST + 1 - len(cells)]:
                if high > 1:
                    below[len(cells)] = (high - 1, text)
                cells.append(text)
        _fill(cells, below)
        yield cells


def _fill(cells: list[str], below: dict[int, tuple[int, str]], until: int = 0) -> None:
    """Add what has no cell of its own in this row: what comes from above, and empty ones up to a place."""
    while len(cells) < WIDEST and (len(cells) < until or len(cells) in below):
        left, text = below.pop(len(cells), (0, ""))
        if left > 1:
            below[len(cells)] = (left - 1, text)
        cells.append(text)


def _spoken(cell) -> str:
    """Its text with the line breaks that the page shows; those of the source are blanks."""
    if _kind(cell) == "cell":
        return "".join(cell.itertext()).strip()
    lines = "".join(cell.itertext()).split(LINE)
    return "\n".join(" ".join(line.split()) for line in lines).strip()


def _name(table) -> str:
    """Of the sheet that a table of Excel's XML is."""
    around = table.getparent()
    return (around.get("ss:name") or "").strip() if around is not None else ""


def _number(cell, name: str, otherwise: int) -> int:
    told = cell.get(name, "")
    return min(int(told), WIDEST) if re.fullmatch(r"[0-9]{1,6}", told) else otherwise


def _kind(element) -> str:
    """'row' for <Row>, <ss:Row> and <row>."""
    return element.tag.rpartition(":")[2] if isinstance(element.tag, str) else ""
