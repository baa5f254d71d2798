"""How numbers and dates are written, wherever a person reads them: 1,234.5 or 1.234,5; 27 Nov 2026 or 27.11.2026.

The language in force is what the variable says, which `preferences.apply` sets to what was chosen: so it holds for processes
that are started, too. The digits are always Python's and only the signs among them differ: every language says the same.
Zero has no sign: not '-0.0' ('z' in a format). What machines read is written without this module.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Literal, get_args

Language = Literal["en", "cs", "da", "de", "es", "fi", "fr", "it", "nb", "nl", "pl", "pt", "sv"]
LANGUAGES, ENGLISH = get_args(Language), "en"
VARIABLE = "TUNEBOARD_LANGUAGE"
WHOLE = "#,##0"  # how a locale's pattern of percentages begins: the number itself
A_FEW_SECONDS = 5  # at the end, where a figure would be off by a large part of itself

_here: ContextVar[Language | None] = ContextVar("here", default=None)


def language() -> Language:
    """The one in force; English for one that is not known, which `preferences.in_force` refuses."""
    chosen = _here.get() or os.environ.get(VARIABLE)
    return chosen if chosen in LANGUAGES else ENGLISH


@contextmanager
def as_in(one: Language) -> Iterator[None]:
    """Within it this language is in force, whatever was chosen."""
    token = _here.set(one)
    try:
        yield
    finally:
        _here.reset(token)


def whole(number: int) -> str:
    """'1,234'"""
    return _written(f"{number:,}")


def count(number: int, one: str, several: str | None = None) -> str:
    """'1 row', '2,000 rows'."""
    return f"{whole(number)} {one if number == 1 else several or one + 's'}"


def rounded(number: float, digits: int = 0, signed: bool = False) -> str:
    """'1,234.50' for two digits; '+1,234.50' when it is signed."""
    exact = round(number, 9)  # 28.749999999999996 is the half that it was computed from
    return _written(f"{exact:{'+' if signed else ''}z,.{digits}f}")


def significant(number: float, digits: int = 6) -> str:
    """'0.00123' for three digits; no zeros at the end, and no powers of ten."""
    return _written(f"{Decimal(f'{number:.{digits}g}'):z,f}")


def percent(share: float, digits: int = 0) -> str:
    """'12.3%' of 0.123 for one digit."""
    return _written(f"{share:z.{digits}%}")


def of_100(share: float) -> str:
    """A share for 'of 100 times': whole, but '99.8' and '0.4' near the ends, which are kept for all and none."""
    if share in (0, 1) or 0.01 <= share <= 0.99:
        return rounded(share * 100)
    return rounded(min(99.9, max(0.1, share * 100)), 1)


def percentage(share: float) -> str:
    """A share in per cent, rounded as in `of_100`: '87%', '99.8%'."""
    return of_100(share) + _written("%")


def duration(seconds: float | None) -> str:
    """'under a second', '12 s', '3 min 20 s', '2 h 5 min'; '' for None."""
    if seconds is None:
        return ""
    seconds = round(seconds)
    if seconds < 1:
        return "under a second"
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours = seconds // 60, seconds // 3600
    return f"{minutes} min {seconds % 60} s" if not hours else f"{hours} h {minutes % 60} min"


def time_left(seconds: float | None) -> str:
    """'about 3 min 20 s'; 'a few seconds' at the end; '' for None."""
    if seconds is None:
        return ""
    return "a few seconds" if seconds <= A_FEW_SECONDS else f"about {duration(seconds)}"


def size(taken: float) -> str:
    """Bytes for people: '1 byte', '91 MB', '1.5 GB'."""
    if round(taken) < 1000:
        return count(round(taken), "byte")
    for unit in ("KB", "MB"):
        taken /= 1000
        if round(taken) < 1000:
            return f"{rounded(taken)} {unit}"
    return f"{rounded(taken / 1000, 1)} GB"


def date(moment: str) -> str:
    """'27 Nov 2026' of a time in ISO 8601."""
    day = datetime.fromisoformat(moment)
    if language() == ENGLISH:
        return f"{day:%d %b %Y}"
    from babel.dates import format_date

    return format_date(day, "medium", language())


def date_and_time(moment: str) -> str:
    """'27 Nov 2026, 14:05 UTC' of a time in UTC, in ISO 8601."""
    return _date_and_time(moment, language())


@lru_cache(maxsize=4096)  # a box to choose from hundreds of runs writes theirs each time it is drawn
def _date_and_time(moment: str, one: Language) -> str:
    time = datetime.fromisoformat(moment)
    if one == ENGLISH:
        return f"{date(moment)}, {time:%H:%M} UTC"
    from babel.dates import format_time

    return f"{date(moment)}, {format_time(time, 'short', locale=one)} UTC"


def separators() -> str:
    """The sign before decimals and the one between thousands, as Plotly takes them: '.,' for English."""
    return _written(".,")


def example(one: Language) -> str:
    """'German: 1.234,5 and 27.11.2026'"""
    from babel import Locale

    with as_in(one):
        return f"{Locale.parse(one).english_name}: {rounded(1234.5, 1)} and {date('2026-11-27')}"


def _written(number: str) -> str:
    """A number as Python writes it, in the language in force."""
    spoken = language()
    return number if spoken == ENGLISH else number.translate(_signs(spoken))


@cache
def _signs(spoken: Language) -> dict[int, str]:
    from babel import Locale  # 30 ms, for those who chose

    locale = Locale.parse(spoken)
    symbols = locale.number_symbols["latn"]
    return str.maketrans(
        {
            ",": symbols["group"],
            ".": symbols["decimal"],
            "%": locale.percent_formats[None].pattern.removeprefix(WHOLE),
        }
    )
