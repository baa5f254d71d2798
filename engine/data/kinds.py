"""What labels are: a class each, several in a cell, marks in columns, or measurements; and how the latter become classes."""

import json
import math
import re
from collections.abc import Callable
from itertools import pairwise, takewhile

import numpy as np
import pandas as pd

LIST_SEPARATORS = ("|", ";", ",", "/")
JSON = "json"  # lists and objects in JSON, and lists as Python and NumPy print them
# Dates and paths, which have the same parts again and again, too.
NO_LIST = r"(?:[0-9]{1,4}[-/.][0-9]{1,2}(?:[-/.][0-9]{1,4})?(?:[ T].*)?|(?:\w:|\.{1,2}|https?:/)?[/\\]\S+)$"
MOSTLY = 0.9
QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
MARKED = (
    "1", "1.0", "true", "yes", "y", "t", "x", "v", "*", "✓", "✔", "✔\ufe0f", "☑", "☒", "✅", "ja", "oui", "sí", "si", "sim",
    "да", "wahr", "vrai",
)  # fmt: skip
UNMARKED = ("", "0", "0.0", "false", "no", "n", "f", "-", "☐", "nein", "non", "não", "нет", "falsch", "faux")
MOST_DIGITS = 12  # behind the point, of numbers that somebody can tell apart
BESIDE_NUMBERS = re.compile(r"(?:(?<!\s)\s+)?[%€$£¥]\s*|(?<=[0-9])[\s'’](?=[0-9]{3}(?![0-9]))")
THOUSANDS = r"-?[1-9][0-9]{0,2}(?:MARK[0-9]{3})+"
LARGE = 100  # 950 beside 1,520, and 695,719, say that the comma is none of decimals
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
NAMED_BY = ("label", "name", "value", "displayName", "title", "text")  # what an object in JSON is called


def in_json(cells: pd.Series) -> bool:
    """Whether cells, none of them empty, hold lists or objects: in JSON, or as Python, NumPy and databases print them."""
    if cells.empty or cells.str.match(r"\s*[\[{(]").mean() <= 0.9:
        return False
    first = cells.iloc[0].strip()
    try:
        return isinstance(json.loads(first.replace("'", '"')), dict | list)
    except (ValueError, RecursionError):
        if (first[0], first[-1]) not in (("[", "]"), ("{", "}"), ("(", ")")):
            return False
        several = cells.str.contains(",", regex=False).any()
        return bool(several or QUOTED.search(first))  # [spam] and [INFO] are no lists


def names_in(value: dict) -> list[str]:
    """What an object in JSON is called, {"id": 7, "name": "good"} -> ["good"]; best first, where it has several names."""
    return [value[key] for key in NAMED_BY if isinstance(value.get(key), str)]


def list_separator(labels: pd.Series) -> str | None:
    """How several labels stand in one cell: '|', ';', ',', '/' or 'json'; None for one label per cell."""
    filled = labels[labels.str.strip() != ""]
    if filled.empty:
        return None
    if in_json(filled):
        return JSON
    cells = pd.Series(filled.str.strip().unique())
    if cells.str.match(NO_LIST).mean() > MOSTLY:
        return None
    for separator in LIST_SEPARATORS:
        several = cells.str.contains(separator, regex=False)
        if filled.str.contains(separator, regex=False).mean() < 0.05:
            continue
        if separator == "," and _are_decimals(cells):
            continue
        parts = cells.str.split(separator, regex=False).explode().str.strip()
        # In "Boston, MA" a part goes with one other; a label with several.
        in_cells = parts[parts != ""].value_counts()
        alone = set(cells[~several])
        recurring = (in_cells > 1).mean() >= 0.5 and (len(in_cells) > 2 or alone >= set(in_cells.index))
        if recurring and len(cells) > len(in_cells) and parts.str.len().mean() < 40:
            return separator
    return None


def holding_several(labels: pd.Series, separator: str) -> np.ndarray:
    """Which cells hold more than one label, (rows,) bool. separator: as list_separator gives it."""
    return _by_value(labels, lambda cell: len(_parts(cell, separator)) > 1).to_numpy(dtype=bool)


def first_of(labels: pd.Series, separator: str) -> pd.Series:
    """The first label of each cell; "" where there is none. separator: as list_separator gives it."""
    return _by_value(labels, lambda cell: next(iter(_parts(cell, separator)), "")).astype("str")


def signs(cells: pd.Series) -> pd.Series:
    """Cells as MARKED and UNMARKED have them."""
    return cells.str.strip().str.lower()


def marks(cells: pd.Series) -> np.ndarray | None:
    """Which cells are marked, (rows,) bool, in a column that marks a class: 1 or 0, x or nothing. None for other columns."""
    folded = signs(cells)
    values = set(folded.unique())
    if len(values) > 2 or not values <= {*MARKED, *UNMARKED} or values <= {*MARKED}:
        return None
    return folded.isin(MARKED).to_numpy(dtype=bool)


def marked(columns: pd.DataFrame) -> pd.Series:
    """The class that is marked in each row; several are separated by '|', and "" is none.

    A class is called as its column, without what the names of all columns begin with: label_good, label_bad.
    """
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(min(columns), max(columns), strict=False))
    common = "".join(letter for letter, _ in alike)
    begins = max(common.rfind(mark) for mark in "_.:- ") + 1
    found = np.full(len(columns), "", dtype=object)
    for name, cells in columns.items():
        here = signs(cells).isin(MARKED).to_numpy(dtype=bool)
        label = name[begins:].strip() or name
        found[here] = [f"{before}{LIST_SEPARATORS[0]}{label}" if before else label for before in found[here]]
    return pd.Series(found, index=columns.index, dtype="str")


def is_continuous(labels: pd.Series) -> bool:
    """Whether labels measure something rather than name a class: many different numbers."""
    filled = labels[labels.str.strip() != ""]
    numbers = _numbers(filled)
    if filled.empty or numbers.notna().mean() < 0.95:
        return False
    distinct = numbers.nunique()
    broken = (numbers.dropna() % 1 != 0).mean() > 0.05
    return bool(distinct > 20 and (broken or distinct > 0.2 * len(filled)))


def bounds(labels: pd.Series, classes: int) -> list[str]:
    """Where numbers are cut into `classes` ranges of about as many rows each: the lowest, the ends between, the highest.

    Rounded to figures that can be read. Fewer ends where so many rows have the same number that a range would be empty; no
    bounds at all where nothing can be cut.
    """
    values = _numbers(labels).to_numpy(dtype=float)
    values = np.sort(values[np.isfinite(values)])
    if not len(values) or not 0 < float(values[-1]) - float(values[0]) < math.inf:
        return []
    shares = np.arange(1, classes) / classes
    points = [float(values[0]), *np.quantile(values, shares, method="lower").tolist(), float(values[-1])]
    digits = [_digits(points, at) for at in range(len(points))]
    if max(digits) > MOST_DIGITS:
        return []
    ends: list[str] = []
    for share, point, places in zip(shares, points[1:-1], digits[1:-1], strict=True):
        before = float(ends[-1]) if ends else -math.inf
        ends += _end(values, before, point, places, share * len(values))
    if not ends:
        return []
    lowest = math.floor(round(points[0] * 10.0 ** digits[0], 9)) / 10.0 ** digits[0]
    highest = math.ceil(round(points[-1] * 10.0 ** digits[-1], 9)) / 10.0 ** digits[-1]
    return [_written(lowest, digits[0]), *ends, _written(highest, digits[-1])]


def _end(values: np.ndarray, before: float, point: float, digits: int, rows: float) -> list[str]:
    """The number near `point`, written with so many digits, up to which about so many rows lie; [] if a range were empty."""
    near, fair = point * 10.0**digits, {}
    for whole in (math.floor(near), math.ceil(near), math.ceil(near) - 1):
        end = _written(whole / 10.0**digits, digits)
        lower, upper = np.searchsorted(values, [before, float(end)], side="right")
        if lower < upper < len(values):
            fair[end] = abs(upper - rows)
    return [min(fair, key=lambda end: (fair[end], float(end)))] if fair else []


def _digits(points: list[float], at: int) -> int:
    """How many digits behind the decimal point tell one of the points from its neighbours; negative: before it."""
    gaps = [abs(points[at] - one) for one in points[max(0, at - 1) : at + 2] if one != points[at]]
    gaps = gaps or [points[-1] - points[0]]
    return 1 - math.floor(math.log10(min(gaps)))


def in_ranges(labels: pd.Series, around: list[str]) -> pd.Series:
    """'0 to 2.5' for 1.3: each number's range, its upper end included; numbers beyond are in the first and the last one.

    What is no number stays as it is. around: as `bounds` gives them. Raises ValueError unless they are three numbers or more
    that grow; the first two may be the same.
    """
    if not all(map(NUMBER.fullmatch, around)):
        raise ValueError("bounds are written in digits")
    ends = list(map(float, around))
    if len(ends) < 3 or ends[0] > ends[1] or not all(low < high for low, high in pairwise(ends[1:])):
        raise ValueError("bounds must grow")
    names = np.array([low if low == high else f"{low} to {high}" for low, high in pairwise(around)], dtype=object)
    numbers = _numbers(labels)
    known = numbers.notna().to_numpy()
    found = labels.astype(object).to_numpy(copy=True)
    found[known] = names[np.searchsorted(ends[1:-1], numbers[known].to_numpy(dtype=float))]
    return pd.Series(found, index=labels.index, dtype="str")


def _by_value(labels: pd.Series, of: Callable[[str], object]) -> pd.Series:
    """What `of` gives for each cell, asked once for each different one."""
    return labels.map({cell: of(cell) for cell in labels.unique()})


def _parts(cell: str, separator: str) -> list[str]:
    parts = _of_json(cell) if separator == JSON else cell.split(separator)
    return [part for part in map(str.strip, parts) if part]


def _of_json(cell: str) -> list[str]:
    """The values of a list, or of what is none; of an object of numbers the names, the greatest first and none that is 0."""
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        quoted = [one or other for one, other in QUOTED.findall(cell)]
        bare = cell.strip().strip("[](){}")
        return quoted or (bare.split(",") if "," in bare else bare.split())
    if isinstance(value, dict) and all(isinstance(one, int | float) for one in value.values()):
        return sorted(filter(value.get, value), key=value.get, reverse=True)
    values = value if isinstance(value, list) else [value]
    return [_called(one) for one in values if one is not None]


def _called(value: object) -> str:
    """Of an object what it is called, or its only text; JSON for what has no name."""
    if isinstance(value, dict):
        texts = [one for one in value.values() if isinstance(one, str)]
        names = names_in(value) or (texts if len(texts) == 1 else [])
        value = names[0] if names else value
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _are_decimals(cells: pd.Series) -> bool:
    """Whether numbers have a decimal comma: '1,0', '1,3', rather than being two classes each, the lower one first."""
    parts = cells.str.extract(r"^-?(?P<whole>[0-9]+)(?:,(?P<digits>[0-9]+))?$")
    broken = parts.dropna()
    if parts["whole"].isna().any() or broken["digits"].str.len().nunique() != 1:
        return False
    return bool((broken["whole"].astype(float) >= broken["digits"].astype(float)).any())


def _numbers(labels: pd.Series) -> pd.Series:
    """NaN for what is none. Signs of money and per cent, and marks of thousands, are left out."""
    bare = labels.str.replace(BESIDE_NUMBERS, "", regex=True).str.replace("\u2212", "-", regex=False)
    comma, point = (bare.str.rfind(mark) for mark in ",.")
    if ((comma >= 0) & (point >= 0)).any():  # 1,234.50 or 1.234,50: the last one is that of decimals
        thousands, decimal = (",", ".") if (comma < point)[(comma >= 0) & (point >= 0)].all() else (".", ",")
        bare = bare.str.replace(thousands, "", regex=False).str.replace(decimal, ".", regex=False)
        return pd.to_numeric(bare, errors="coerce")
    for mark in ",.":
        if _marks_thousands(bare, mark):
            return pd.to_numeric(bare.str.replace(mark, "", regex=False), errors="coerce")
    return pd.to_numeric(bare.str.replace(",", ".", regex=False), errors="coerce")


def _marks_thousands(cells: pd.Series, mark: str) -> bool:
    """Whether a comma or point is always before groups of three digits, and something says that it is none of decimals."""
    has = cells.str.contains(mark, regex=False)
    if not has.any() or not cells[has].str.fullmatch(THOUSANDS.replace("MARK", re.escape(mark))).all():
        return False
    others = pd.to_numeric(cells[~has], errors="coerce").abs()
    before = pd.to_numeric(cells[has].str.extract(r"([0-9]+)")[0])
    several = cells.str.count(re.escape(mark)).max() > 1
    return bool(several or (others >= LARGE).any() or (mark == "," and (before >= LARGE).any()))


def _written(number: float, digits: int) -> str:
    """Without an exponent, and without zeros at the end."""
    written = f"{number:.{max(0, digits)}f}"
    return (written.rstrip("0").rstrip(".") if digits > 0 else written).replace("-0", "0", not float(written))
