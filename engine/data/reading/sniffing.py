"""Which separator and which quotes a text file uses: the reading under which most of its records are alike."""

import io
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.data.reading.broken import are_mostly_broken
from engine.data.reading.headers import KNOWN, words_of
from engine.data.reading.records import (
    BLANKS,
    LINE,
    SEP_LINE,
    Dialect,
    Records,
    Shape,
    joined,
    shape_of,
    unwrapped,
)
from engine.data.reading.table import Options, Rejections

USUAL = (",", ";", "\t", "|")
ODD = (*"^~¦§¶\x01\x1f", ":::", "::", "@@", "@", ":", "#", " ", BLANKS)  # tried where no usual one fits
BEFORE_TEXT = (",", ";", "\t", "|", ": ", " - ", " ", ":")  # between a label and a text with more of the same
CHARACTERS = 200_000  # of the sample that readings are compared on
USUAL_SHARE, ODD_SHARE, SURE_SHARE = 0.6, 0.97, 0.9
UNLIKE_SHARE = 0.02  # of records that another reading makes alike, from which on it is the better one
FEW_LINES = 5  # too few to tell a separator from what happens to stand in each
MOST_SIGNS = 5  # of a line, that may be what separates its fields
FEW_UNLIKE = 3  # records of another width that are no sign of anything yet
SIGN = re.compile(r"(?<=\s)(?:[^\w\s.,;!?'\"()]{2,8}|\[[A-Za-z]{2,8}\]|</?(?:s|sep|SEP|eos)>)(?=\s)")
BARE = re.compile(r"(?<!\r)\n")  # where all records end with \r\n, a line break in a text
LABEL_LENGTH, MOST_LABELS = 40, 50
# what a label is like that only a blank keeps from its text, and what only looks like it
CODE = re.compile(r"-?\d+|[A-Z]{2,}|\w*[_:]\S*|[a-z]{2,15}")
FIRST_WORD = re.compile(
    r"(what|how|who|where|when|why|which|is|are|do|does|did|can|could|i|the|an|it|this|that|my|we|you|if)"
)


@dataclass(frozen=True)
class Reading:
    """A dialect and what it makes of the sample.

    width: the usual number of fields. share: of the records with that many. labelled: whether a column looks like labels.
    named: whether the first record has names that columns often have. headed: whether it has as many fields. unlike: records
    with another number of fields. needed, mended: as of Records. shape: of the usual records.
    """

    dialect: Dialect
    width: int = 0
    share: float = 0.0
    labelled: bool = False
    named: bool = False
    headed: bool = False
    unlike: int = 0
    needed: int = 0
    mended: int = 0
    shape: Shape | None = None

    @property
    def score(self) -> tuple[float, int]:
        return self.share + 0.05 * self.labelled + 0.05 * self.named + 0.02 * self.headed, self.width


def sniff(sample: str, options: Options = Options()) -> Dialect:  # noqa: B008 (frozen)
    """The dialect of a file that begins with `sample`."""
    sample = first_records(io.StringIO(sample, newline="").read, CHARACTERS)
    found = _sniffed(sample, options)
    if sample.count("\r\n") < FEW_LINES or not BARE.search(sample):
        return found
    bare = replace(_sniffed(BARE.sub(LINE, sample), options), bare=True)
    plain, better = _read(sample, found), _read(sample, bare)
    whole = better.width > 1 and better.share >= SURE_SHARE
    return bare if whole and (plain.width == 1 or better.share > plain.share + UNLIKE_SHARE) else found


def _sniffed(sample: str, options: Options) -> Dialect:
    declared = SEP_LINE.match(sample)
    separator = options.separator or (declared[1] if declared else None)
    if separator is not None:
        return _best_quotes(sample, separator, options.quote).dialect
    lines = [line for line in sample.splitlines() if line.strip()]
    if _have_tails(lines) and (inner := _unwrapped(sample)) and inner.separator != ";":
        return inner
    usual = [_best_quotes(sample, one, options.quote) for one in USUAL if one in sample or '"' in sample]
    best = _best(usual)
    if spelt := _spelt_out(sample, lines):
        return spelt
    quoted = [one for one in usual if one.width == 1 and one.share >= ODD_SHARE and one.needed > one.mended]
    if best.share < SURE_SHARE and best.unlike >= FEW_UNLIKE and (open_text := _open_text(lines)):
        return open_text
    if _is_prose(sample, best):
        best = Reading(Dialect("", ""))
    if best.share < USUAL_SHARE:
        if quoted:
            return _unwrapped(sample) or quoted[0].dialect  # one column, of texts in quotes
        if found := _by_its_names(sample, lines, options.quote) or _label_beside_text(sample):
            return found
        odd = [_best_quotes(sample, one, options.quote) for one in ODD if one in sample]
        best = _best([one for one in odd if one.share >= ODD_SHARE and (one.labelled or one.needed)])
    if best.share >= SURE_SHARE or 0 < best.unlike < FEW_UNLIKE:
        return _longer(sample, best.dialect)
    if found := _by_its_names(sample, lines, options.quote) or _label_beside_text(sample):
        return found
    return _longer(sample, best.dialect) if best.share >= USUAL_SHARE else Dialect("", "")


def _spelt_out(sample: str, lines: list[str]) -> Dialect | None:
    """Where each line has the same sign of several characters, blanks around it: ' ::: ', ' -> ', ' [SEP] ', ' +++$+++ '."""
    for sign in list(dict.fromkeys(SIGN.findall(lines[0])))[:MOST_SIGNS] if len(lines) >= FEW_LINES else ():
        often = Counter(line.count(sign) for line in lines).most_common(1)[0]
        if not often[0] or often[1] < ODD_SHARE * len(lines):
            continue
        read = _read(sample, Dialect(sign, ""))
        if read.share >= ODD_SHARE and read.width > 1 and read.labelled:
            return read.dialect
    return None


def _by_its_names(sample: str, lines: list[str], quote: str | None) -> Dialect | None:
    """Where the first line names columns, and rows lack the last fields, or stand in several lines."""
    for separator in USUAL:
        names = lines[0].split(separator) if lines else []
        if len(names) < 2 or not all(map(_is_name, names)) or not any(words_of(name) & KNOWN for name in names):
            continue
        read = _best_quotes(sample, separator, quote)
        rows = list(records_of(sample, read.dialect))[1:]
        widths = [len(cells) for _, cells in rows]
        if rows and sum(1 < width <= len(names) for width in widths) >= ODD_SHARE * len(rows):
            return read.dialect
        whole = [cells for _, cells in rows if len(cells) == len(names)]
        if are_mostly_broken(rows, shape_of(whole, len(names))):
            return replace(read.dialect, broken=len(names))
    return None


def _best(readings: list[Reading]) -> Reading:
    """Of those with several fields."""
    several = [one for one in readings if one.width > 1]
    return max(several, key=lambda one: one.score, default=Reading(Dialect("", "")))


def first_records(read: Callable[[int], str], most: int) -> str:
    """The whole records at the start of a file: of its first `most` characters, or of more where texts are as long as that.

    A line end within quotes, an odd number of them so far, ends no record. Where hardly any other is found in 16 times as
    many characters, the quotes are out of order, and the last line end has to do.
    """
    text = start = read(most)
    full = most
    while len(text) == full:
        if (end := _last_end(text)) > full // 2:
            return text[:end]
        if full >= 16 * most:
            return start[: max(start.rfind("\n"), start.rfind("\r")) + 1] or start
        text, full = text + read(3 * full), 4 * full
    return text


def _last_end(text: str) -> int:
    """Where its last whole record ends; 0 where none does."""
    odd, record = False, 0
    for mark in re.finditer('["\r\n]', text):
        if mark[0] == '"':
            odd = not odd
        elif not odd:
            record = mark.end()
    return record


def records_of(sample: str, dialect: Dialect, shape: Shape | None = None) -> Records:
    """io.StringIO splits where the csv module does, and not at U+0085 and its like."""
    ended = (f"{line}\r\n" for line in sample.split("\r\n"))
    lines = ended if dialect.bare else io.StringIO(sample, newline="")
    return Records(lines, dialect, Rejections(), shape)


def _best_quotes(sample: str, separator: str, quote: str | None) -> Reading:
    """Quotes are heeded where they keep more together than they put out of order."""
    if quote == "" or len(separator) != 1:
        return _read(sample, Dialect(separator, ""))
    mark = re.escape(separator)
    # Blanks before a quote are no sign where blanks separate; each of many in a row would be looked through to the last.
    spaced = separator != " " and len(re.findall(rf'{mark} +"', sample)) > sample.count(f'{separator}"')
    escapes = ["", "\\"] if '\\"' in sample or "\\'" in sample else [""]
    apostrophes = len(re.findall(rf"(?:^|{mark}|\n)'(?:[^'\n]|'')*'(?={mark}|[\r\n]|$)", sample)) > 2
    quotes = [quote] if quote else ['"', "'"] if apostrophes else ['"']
    readings = [_read(sample, Dialect(separator, one, escape, spaced)) for one in quotes for escape in escapes]
    heeded = max(readings, key=lambda one: (one.share, one.needed - one.mended))
    if heeded.needed <= heeded.mended and len(quotes) > 1:  # nothing tells but what they stand around
        heeded = max(readings, key=lambda one: (one.share, -one.mended, _with_enclosed(sample, one.dialect)))
    if quote or not any(one in sample for one in quotes):
        return heeded
    ignored = _read(sample, Dialect(separator, ""))
    if ignored.share >= SURE_SHARE and ignored.width > 1:  # then it is known what a row looks like
        heeded = _read(sample, heeded.dialect, ignored.shape)
    literal = heeded.mended > heeded.needed and ignored.share >= heeded.share - 0.01
    literal = literal and heeded.mended > _with_enclosed(sample, heeded.dialect)
    return ignored if literal or ignored.share > heeded.share + 0.1 else heeded


def _with_enclosed(sample: str, dialect: Dialect) -> int:
    """In how many lines quotes stand around a whole field."""
    mark, sign = re.escape(dialect.separator), re.escape(dialect.quote)
    enclosed = re.compile(rf"(?:^|{mark}){sign}[^{sign}]*{sign}(?:{mark}|$)")
    return sum(bool(enclosed.search(line)) for line in sample.splitlines())


def _read(sample: str, dialect: Dialect, shape: Shape | None = None) -> Reading:
    records = records_of(sample, dialect, shape)
    rows = [cells for _, cells in records]
    if not rows:
        return Reading(dialect)
    counted = rows[1:] or rows  # the first may be a title, or lack a name
    width, frequency = Counter(map(len, counted)).most_common(1)[0]
    usual = [row for row in counted if len(row) == width]
    return Reading(
        dialect,
        width=width,
        share=round(frequency / len(counted), 3),
        labelled=any(1 < len({row[i] for row in usual}) <= max(2, len(usual) // 5) for i in range(width)),
        named=any(cell.strip().lower() in KNOWN for cell in rows[0]),
        headed=len(rows[0]) == width,
        unlike=len(counted) - frequency,
        needed=records.needed,
        mended=records.mended,
        shape=shape_of(usual, width),
    )


def _open_text(lines: list[str]) -> Dialect | None:
    """Where the first line names three columns or more, and many rows have too many, since nothing quotes a text."""
    if sum(line.count('"') for line in lines) > len(lines) // 5:
        return None
    for separator in USUAL:
        names = lines[0].split(separator) if lines else []
        rows = [line.split(separator) for line in lines[1:]]
        width, wide = len(names), [row for row in rows if len(row) >= len(names)]
        if width < 3 or len(wide) < max(5, ODD_SHARE * len(rows)) or not all(map(_is_name, names)):
            continue
        if sum(any(map(str.strip, row[width:])) for row in rows) < max(3, len(rows) // 10):
            continue
        for column in range(width):
            open_at = Dialect(separator, "", width=width, open=column)
            cells = list(zip(*(joined(row, open_at) for row in wide), strict=True))
            if _are_texts(cells[column]) and all(map(_are_short, cells[:column] + cells[column + 1 :])):
                return open_at
    return None


def _is_prose(sample: str, reading: Reading) -> bool:
    """Whether the separators are the commas of sentences: behind each is a blank, and nothing looks like a table."""
    mark = reading.dialect.separator
    if mark not in (",", ";") or reading.needed or reading.labelled or reading.named:
        return False
    if sample.count(mark + " ") < ODD_SHARE * (sample.count(mark) - sample.count(mark + "\n")):
        return False
    first, *rows = (cells for _, cells in records_of(sample, reading.dialect))
    if any(words_of(cell) & KNOWN for cell in first if len(cell.split()) <= 2):
        return False
    return all(map(_are_clauses, zip(*(row for row in rows if len(row) == reading.width), strict=True)))


def _have_tails(lines: list[str]) -> bool:
    """Whether a spreadsheet took each line for one field, and wrote empty ones behind it."""
    if not lines or not all(line.endswith(";") for line in lines):
        return False
    bare = [line.rstrip(";") for line in lines]
    named = re.split(r"[,\t|]", bare[0])[-1].strip().lower() in KNOWN
    return named or any(len(line) > 1 and line[0] == line[-1] == '"' for line in bare)


def _is_name(cell: str) -> bool:
    return 0 < len(cell.strip()) <= LABEL_LENGTH and len(cell.split()) <= 4 and not cell.strip()[0].isdigit()


def _are_texts(values: tuple[str, ...]) -> bool:
    return sum(len(value.split()) > 3 for value in values) > len(values) / 2


def _are_clauses(values: tuple[str, ...]) -> bool:
    """Parts of sentences, rather than words of which some come again."""
    several = sum(len(value.split()) for value in values) > 2 * len(values)
    return several or len(set(values)) == 1


def _are_short(values: tuple[str, ...]) -> bool:
    """Numbers, dates, single words, or a few values that come again: what no piece of a text would be throughout."""
    words = [len(value.split()) for value in values]
    few = len(set(values)) <= max(2, len(values) // 5) and sum(words) <= 3 * len(words)
    single = sum(count <= 1 for count in words) >= ODD_SHARE * len(words)
    return (few or single) and max(map(len, values)) <= LABEL_LENGTH


def _label_beside_text(sample: str) -> Dialect | None:
    """Where each line is a label and a text (or the other way round) with separators in the text that nothing quotes."""
    lines = [line for line in sample.splitlines() if line.strip()]
    for separator in BEFORE_TEXT:
        split = [line for line in lines if separator in line]
        if len(split) < max(5, ODD_SHARE * len(lines) - 1):
            continue
        first = [line.split(separator, 1)[0].strip() for line in split]
        if _are_labels(first, code=separator == " "):
            return Dialect(separator, "", width=2, open=1)
        if separator in USUAL and _are_labels([line.rsplit(separator, 1)[1].strip() for line in split]):
            numbered = all(line.split(separator, 1)[0].strip().isdecimal() for line in split)
            return Dialect(separator, "", width=2 + numbered, open=int(numbered))
    return None


def _are_labels(values: list[str], code: bool = False) -> bool:
    """A few short values that come again and again. The first may be the name of the column."""
    counts = Counter(values[1:])
    if values[0] not in counts and len(counts) < 2:
        return False
    most = min(MOST_LABELS, max(2, len(values) // 5))
    rare = sum(count == 1 for count in counts.values())
    return (
        2 <= len(counts) <= most
        and rare <= len(values) // 20
        and all(0 < len(value) <= LABEL_LENGTH for value in counts)
        and (not code or (all(map(CODE.fullmatch, counts)) and not any(map(FIRST_WORD.fullmatch, counts))))
    )


def _longer(sample: str, dialect: Dialect) -> Dialect:
    """The whole of a separator of which one character was found: '||', '###', '~|~'."""
    one = dialect.separator
    if len(one) != 1 or one == " ":
        return dialect
    width = _read(sample, dialect).width
    for times in (3, 2):
        whole = _read(sample, Dialect(one * times, ""))
        if whole.share >= ODD_SHARE and whole.width > 1 and (whole.width - 1) * times == width - 1:
            return whole.dialect
    around = Counter(re.findall(rf"(.){re.escape(one)}(?=(.))", sample))
    (before, after), count = around.most_common(1)[0] if around else (("", ""), 0)
    same = before == after and not (before.isalnum() or before.isspace() or before in "\"'")
    if same and count >= ODD_SHARE * sample.count(one):
        return replace(dialect, separator=before + one + after, quote="")
    return dialect


def _unwrapped(sample: str) -> Dialect | None:
    """Where each line is one field that is a line of separated text itself."""
    inner = _best([_best_quotes("".join(map(unwrapped, sample.splitlines(True))), one, None) for one in USUAL])
    return replace(inner.dialect, wrapped=True) if inner.share >= ODD_SHARE else None
