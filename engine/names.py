"""Names that people give to data sets, runs and labels, as one line that shows what it says."""

from unicodedata import category

LONGEST = 80


def tidy(name: str) -> str:
    """Without line breaks, control characters and marks that turn the direction of what follows; at most LONGEST letters.

    Categories Cc, Cf, Co and Cs of Unicode; the zero-width joiner stays, since scripts and pictures are written with it.
    """
    spaced = " ".join(name.split())
    shown = "".join(letter for letter in spaced if category(letter)[0] != "C" or letter == "\u200d")
    return shown[:LONGEST].strip()


def in_markdown(name: str) -> str:
    """For a Markdown page, which is to show it letter by letter."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>()#+-!|~$" else letter for letter in " ".join(name.split()))
