"""Which encoding a text file has: its bytes say so, or it is guessed from the letters that they would be.

Files are put together from others, so what is not UTF-8 in a file of UTF-8 may be letters of another encoding: they are
read as those, byte by byte, by the handler of errors that an Encoding names.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unicodedata import category

from engine.data.reading.letters import CODECS, ONE_BYTE, likeliest

CHOICES = {codec: words for codec, (words, _, _) in CODECS.items()}
BOMS = {  # UTF-32 first: its mark begins with that of UTF-16
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
TO_KANJI = (b"\x1b$B", b"\x1b$@")  # how ISO-2022-JP, all of ASCII, begins each stretch of Japanese
CHUNK = 2**22  # bytes read at a time
SAMPLE = 2**18  # bytes that a guess is made from
BROKEN = 0.2  # a UTF-8 file has a smaller share of broken sequences among what is not ASCII: others look like it by chance
MIXED = 0.2  # of a mixed file, at least so many of the lines that are not ASCII are whole UTF-8: others hardly ever look so
USUAL = b"\xc2\xc3\xe2\xf0"  # letters and signs of UTF-8 begin so in any language
UNREAD = frozenset(map(chr, range(0xDC80, 0xDD00)))  # what surrogateescape makes of bytes that are not UTF-8
BEYOND_ASCII = re.compile(rb"[\x80-\xff]{1,100}")
AROUND = 100  # bytes on either side that tell what a broken one is
ASCII, HIGH, CONTINUES = bytes(range(128)), bytes(range(128, 256)), bytes(range(128, 192))
CONTROLS = frozenset(map(chr, range(32))) - set("\t\n\r\f")


@dataclass(frozen=True)
class Encoding:
    """name, errors: what to open the file with. damaged: byte sequences that become U+FFFD.

    foreign: letters that are in another encoding than the rest, and read as such.
    """

    name: str
    damaged: int = 0
    errors: str = "replace"
    foreign: int = 0

    @property
    def label(self) -> str:
        """The codec as in CHOICES, whether or not there is a mark at the start."""
        return self.name.removesuffix("-sig")


def find_encoding(path: Path) -> Encoding:
    """The encoding of the text file at `path`, whatever its bytes. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        head = file.read(2**16)
    name = next((codec for mark, codec in BOMS.items() if head.startswith(mark)), None) or _by_nuls(head)
    if not name and any(mark in head for mark in TO_KANJI):
        name = "iso2022_jp"
    if name in (None, "utf-8-sig"):
        if _decodes(path, "utf-8"):
            return Encoding(name or "utf-8")
        valid, broken, cut = _count_utf8(path)
        sample = _sample(path)
        lines = sample.split(b"\n")
        is_utf8 = name or (valid and broken < BROKEN * (valid + broken))
        may_be_mixed = valid and sum(map(decodes, lines)) >= MIXED * len(lines)
        other = _other(lines) if is_utf8 or may_be_mixed else ""
        if is_utf8 or other:
            damaged = _count_utf8(path, other)[1] if other else broken
            foreign = broken - damaged
            return Encoding(name or "utf-8", damaged + cut, other if foreign else "replace", foreign)
    name = name or likeliest(sample)
    return Encoding(name, _damaged(path, name))


def starts_as_utf8(path: Path) -> bool:
    """Whether the first megabyte is UTF-8, without a look at the rest."""
    with path.open("rb") as file:
        head = file.read(2**20)
    if b"\0" in head or any(mark in head for mark in TO_KANJI):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def is_known(codec: str) -> bool:
    """Whether bytes can be read as text by a codec of this name."""
    try:
        b"a".decode(codec, "replace")
    except (LookupError, ValueError):
        return False
    return True


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _by_nuls(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: its ASCII characters have NULs on one side, always the same."""
    quarters = [head[at::4].count(0) / max(1, len(head[at::4])) for at in range(4)]
    if min(quarters[2:]) > 0.9 and quarters[0] < 0.1:
        return "utf-32-le"
    if min(quarters[:2]) > 0.9 and quarters[3] < 0.1:
        return "utf-32-be"
    big, little = head[::2].count(0), head[1::2].count(0)
    filled = head.replace(b"\0", b"")
    plain = sum(map(filled.count, b"\t\n\r" + bytes(range(32, 127)))) / max(1, len(filled))
    # few characters of a Chinese text are ASCII, but stray NULs in an ASCII file must not pass for such a text
    enough = len(head) * (0.12 if plain > 0.9 else 0.005)
    if max(big, little) <= enough or min(big, little) > 0.1 * max(big, little):
        return None
    name = "utf-16-le" if little > big else "utf-16-be"
    try:
        text = codecs.getincrementaldecoder(name)().decode(head)
    except UnicodeDecodeError:
        return None
    strange = sum(category(character) in ("Cn", "Co") or character in CONTROLS for character in text)
    return name if strange < 0.02 * len(text) else None  # else these are numbers of a program, not letters


def _decodes(path: Path, codec: str) -> bool:
    decoder = codecs.getincrementaldecoder(codec)()
    wide = codec.startswith(("utf-16", "utf-32"))
    try:
        for chunk in _chunks(path):
            if wide or not chunk.isascii() or decoder.getstate()[0]:
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _damaged(path: Path, codec: str) -> int:
    """Byte sequences that are not in `codec`, and if there are any, also the U+FFFD of the file itself."""
    if _decodes(path, codec):
        return 0
    decoder = codecs.getincrementaldecoder(codec)("replace")
    damaged = sum(decoder.decode(chunk).count("\ufffd") for chunk in _chunks(path))
    return damaged + decoder.decode(b"", final=True).count("\ufffd")


def _count_utf8(path: Path, errors: str = "replace") -> tuple[int, int, bool]:
    """How many characters are not ASCII, how many byte sequences become U+FFFD, and whether the end is cut off."""
    valid, broken, rest = 0, 0, b""
    for chunk in _chunks(path):
        rest += chunk
        text, used = codecs.utf_8_decode(rest, errors, False)
        replaced = text.count("\ufffd") - rest.count("\ufffd".encode(), 0, used)
        valid += len(text) - replaced - len(rest[:used].translate(None, HIGH))
        broken += replaced
        rest = rest[used:]
    return valid, broken, bool(rest)


def decodes(content: bytes) -> bool:
    """Whether it is UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _other(lines: list[bytes]) -> str:
    """The handler of errors for what is not UTF-8 in these lines; "" where that is no text of one byte for each letter."""
    rest = (line.decode(errors="surrogateescape") for line in lines if not decodes(line))
    rest = ("".join(one for one in line if one < "\x80" or one in UNREAD) for line in rest)
    codec = likeliest("\n".join(rest).encode(errors="surrogateescape"))
    return f"or-{codec}" if codec in ONE_BYTE else ""


def _letter(codec: str, error: UnicodeDecodeError) -> tuple[str, int]:
    """What to read for bytes that are not UTF-8: letters of `codec`, or U+FFFD where one of UTF-8 was cut off.

    So it was where they begin as others around them do, no letter follows, and nothing else there is broken.
    """
    content, start, end = error.object, error.start, error.end
    bad, run = content[start:end], BEYOND_ASCII.match(content, start)[0]
    if len(run) > len(bad) and not run.decode(errors="ignore"):  # a whole word, to be quick
        return run.decode(codec, "replace"), start + len(run)
    if content[end : end + 1].isalpha() or len(run) > len(bad):
        return bad.decode(codec, "replace"), end
    before = content[max(0, start - AROUND) : start].rpartition(b"\n")[2].lstrip(CONTINUES)
    line = before + content[start : end + AROUND].partition(b"\n")[0].rstrip(HIGH)
    around = line.decode(errors="surrogateescape")
    broken = sum(one in UNREAD for one in around)
    begins = USUAL + bytes(one.encode()[0] for one in around if one > "\x7f" and one not in UNREAD)
    return "\ufffd" if bad[:1] in begins and broken <= len(bad) else bad.decode(codec, "replace"), end


for _codec in ONE_BYTE:
    codecs.register_error(f"or-{_codec}", partial(_letter, _codec))


def _sample(path: Path) -> bytes:
    """Lines that are not all ASCII, evenly from the whole file: the others say nothing."""
    size = path.stat().st_size
    share = SAMPLE * CHUNK // max(size, CHUNK)  # bytes to take from a chunk
    kept = []
    for chunk in _chunks(path):
        lines = chunk.splitlines()
        if size > CHUNK and len(lines) > 2:
            lines = lines[1:-1]  # cut where the chunk begins and ends
        lines = [line for line in lines if not line.isascii()]
        step = 1 + sum(map(len, lines)) // share
        kept += (line if len(line) <= share else line.lstrip(ASCII)[:share] for line in lines[::step])
    return b"\n".join(kept)
