from dataclasses import dataclass


@dataclass(frozen=True)
class Encoding:
    name: str
    damaged: int
    sure: bool

    @property
    def label(self):
        return self.name.removesuffix("-sig")


def find_encoding(path):
    content = path.read_bytes()
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return Encoding(encoding, 0, True)
    try:
        content.decode()
        return Encoding("utf-8", 0, True)
    except UnicodeDecodeError:
        d = content.decode("utf-8", errors="replace")
    w = d.count("\ufffd")
    if w * 20 < sum(c > "\x7f" for c in d):
        return Encoding("utf-8", w, True)
    return Encoding("cp1252", 0, False)
