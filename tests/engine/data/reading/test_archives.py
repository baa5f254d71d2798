import errno
import gzip
import io
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import namedtuple
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data.reading import archives
from engine.data.reading.archives import Member, folders_as_classes, is_archive, unpack
from engine.errors import DataError

Usage = namedtuple("Usage", "total used free")


def zipped(files, method=zipfile.ZIP_DEFLATED):
    """files: {name or ZipInfo: content}."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def by_hand(name, content, flags=0, method=0, size=None, crc=None):
    """A ZIP of one stored member, every field as told."""
    size = len(content) if size is None else size
    crc = zlib.crc32(content) if crc is None else crc
    common = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 33, crc, len(content), size, len(name), 0)
    local = b"PK\3\4" + common + name + content
    central = b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def tarred():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"), io.BytesIO())
    return out.getvalue()


@pytest.fixture
def upload(tmp_path):
    def write(content):
        path = tmp_path / "upload"
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def into(tmp_path):
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


@pytest.fixture
def refused(upload, into):
    """Unpacks what must be refused; returns the error."""

    def check(content, code, name="mails.zip", **more):
        with pytest.raises(DataError) as caught:
            unpack(upload(content), name, into, **more)
        assert caught.value.code == code
        assert caught.value.message and caught.value.action
        assert list(into.iterdir()) == []
        return caught.value

    return check


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (zipped({"a.csv": "x"}), "zip"),
        (zipped({}), "zip"),
        (gzip.compress(b"x"), "gz"),
        (b"text,label\n", None),
        (b"", None),
        (b"PK", None),
        (b"PK\3\4", "zip"),
        (tarred(), None),
        (zipped({"xl/workbook.xml": "x", "[Content_Types].xml": "x"}), None),
        (zipped({"[Content_Types].xml": "x" * 99, "xl/workbook.xml": "x"})[:60], None),
        (zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": "x"}), None),
        (zipped({"content.xml": "x", "mimetype": "x"}), "zip"),
        (zipped({"reviews/[Content_Types].xml": "x"}), "zip"),
    ],
)
def test_archives_are_told_from_their_content(upload, content, kind):
    assert is_archive(upload(content)) == kind


def test_files_come_out_in_order_under_names_of_ours(upload, into):
    files = {"z/b.csv": "text\nb", "./a.csv": b"\0\xff" * 2_000_000, "dir\\c.txt": "c"}
    members = unpack(upload(zipped(files)), "mails.zip", into)
    assert [m.name for m in members] == ["z/b.csv", "a.csv", "dir/c.txt"]
    assert [m.path for m in members] == [into / "000001", into / "000002", into / "000003"]
    assert members[1].path.read_bytes() == b"\0\xff" * 2_000_000
    assert sorted(into.iterdir()) == [m.path for m in members]


def test_what_nobody_meant_to_upload_is_left_out(upload, into):
    files = {"d/": "", "empty.txt": "", ".hidden": "x", ".git/config": "x", "__MACOSX/._a.txt": "x"}
    files |= {"d/.DS_Store": "x", "d/Thumbs.db": "x", "a.txt": "x"}
    assert [m.name for m in unpack(upload(zipped(files)), "mails.zip", into)] == ["a.txt"]
    assert [path.name for path in into.iterdir()] == ["000001"]


def test_two_members_of_one_name_are_both_kept(upload, into):
    with pytest.warns(UserWarning, match="Duplicate name"):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("a.txt", "one")
            archive.writestr("a.txt", "two")
    members = unpack(upload(out.getvalue()), "mails.zip", into)
    assert [m.path.read_text() for m in members] == ["one", "two"]


@pytest.mark.parametrize(
    ("raw", "flags", "shown"),
    [
        ("größe.txt".encode(), 0x800, "größe.txt"),
        ("größe.txt".encode(), 0, "größe.txt"),
        ("größe.txt".encode("cp437"), 0, "größe.txt"),
        ("grün und weiß.txt".encode("cp1252"), 0, "grün und weiß.txt"),
        ("好评和差评.txt".encode("gb18030"), 0, "好评和差评.txt"),
        ("положительные.txt".encode("cp866"), 0, "положительные.txt"),
    ],
)
def test_names_in_old_encodings(upload, into, raw, flags, shown):
    assert unpack(upload(by_hand(raw, b"x", flags)), "mails.zip", into)[0].name == shown


def test_a_name_that_is_not_the_utf8_it_claims_to_be_is_damage(refused):
    refused(by_hand(b"\xff\xfe.txt", b"x", 0x800), "damaged")


def test_progress_reaches_its_end(upload, into):
    seen = []
    content = zipped({"a.txt": "a" * 3_000_000, "b.txt": "b" * 10})
    unpack(upload(content), "a.zip", into, progress=lambda *at: seen.append(at))
    assert seen == sorted(seen) and len(seen) >= 4
    assert seen[-1] == (3_000_010, 3_000_010)
    shutil.rmtree(into)
    into.mkdir()
    seen.clear()
    content = gzip.compress(bytes(range(256)) * 10_000)
    unpack(upload(content), "a.gz", into, progress=lambda *at: seen.append(at))
    assert seen[-1] == (len(content), len(content))


def test_an_error_in_the_progress_is_passed_on_and_nothing_is_left(upload, into):
    def stop(done, total):
        raise ValueError("stopped by the user")

    with pytest.raises(ValueError, match="stopped"):
        unpack(upload(zipped({"a.txt": "a"})), "a.zip", into, progress=stop)
    assert list(into.iterdir()) == []


# --- GZ


def gz(content, stored=None, name_bytes=None, extra=b""):
    """A GZ by hand, with the file name and the extra field in its header."""
    raw = name_bytes if name_bytes is not None else (stored or "").encode()
    flags = (8 if raw else 0) | (4 if extra else 0)
    header = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\xff"
    header += (struct.pack("<H", len(extra)) + extra if extra else b"") + (raw + b"\0" if raw else b"")
    deflate = zlib.compressobj(wbits=-15)
    body = deflate.compress(content) + deflate.flush()
    return header + body + struct.pack("<II", zlib.crc32(content), len(content))


@pytest.mark.parametrize(
    ("content", "upload_name", "shown"),
    [
        (gz(b"x"), "reviews.csv.gz", "reviews.csv"),
        (gz(b"x"), "REVIEWS.CSV.GZ", "REVIEWS.CSV"),
        (gz(b"x"), "reviews", "reviews"),
        (gz(b"x"), ".gz", ".gz"),
        (gz(b"x", "old.csv"), "new.gz", "old.csv"),
        (gz(b"x", "old.csv", extra=b"ab\0\0"), "new.gz", "old.csv"),
        (gz(b"x", "../../etc/passwd"), "new.gz", "passwd"),
        (gz(b"x", "C:\\data\\old.csv"), "new.gz", "old.csv"),
        (gz(b"x", ".."), "new.csv.gz", "new.csv"),
        (gz(b"x", "größe.csv"), "new.gz", "größe.csv"),
        (gz(b"x", name_bytes="größe.csv".encode("latin-1")), "new.gz", "größe.csv"),
    ],
)
def test_the_name_of_what_is_in_a_gz(upload, into, content, upload_name, shown):
    assert unpack(upload(content), upload_name, into) == [Member(shown, into / "000001")]
    assert (into / "000001").read_bytes() == b"x"


@pytest.mark.parametrize("garbage", [b"", b"\0" * 700, b"x", b"garbage" * 20_000])
def test_a_gz_of_several_parts_and_what_follows_it(upload, into, garbage):
    parts = [bytes([i % 256]) * 70_000 for i in range(40)] + [b"", b"the end"]
    content = b"".join(gzip.compress(part, 0) for part in parts) + garbage
    assert unpack(upload(content), "a.csv.gz", into)[0].path.read_bytes() == b"".join(parts)


@pytest.mark.parametrize("size", range(archives.GZ_INPUT - 3, archives.GZ_INPUT + 3))
def test_a_gz_whose_parts_meet_where_a_piece_ends(upload, into, size):
    first = gz(b"one", "n" * (size - len(gz(b"one")) - 1))
    assert len(first) == size
    assert unpack(upload(first + gz(b"two")), "a.gz", into)[0].path.read_bytes() == b"onetwo"


def test_a_damaged_gz(refused):
    content = gzip.compress(bytes(range(256)) * 1000)
    for at in (2, 3, 9, len(content) // 2, len(content) - 8, len(content) - 1):
        refused(content[:at], "damaged", "a.gz")
    refused(content[:-8] + b"abcd" + content[-4:], "damaged", "a.gz")
    refused(content[:-4] + b"abcd", "damaged", "a.gz")
    refused(content + content[:-1], "damaged", "a.gz")
    refused(b"\x1f\x8b\x07" + content[3:], "damaged", "a.gz")


@pytest.mark.parametrize("content", [tarred(), gzip.compress(tarred())])
def test_a_tar_is_named(refused, content):
    error = refused(content, "tar_archive", "reviews.tar.gz")
    assert "tar" in error.message and "ZIP" in error.action


# --- what must be refused


@pytest.mark.parametrize(
    "name",
    [
        "../a.txt",
        "a/../../b.txt",
        "a/..",
        "/etc/passwd",
        "C:/a.txt",
        "c:a.txt",
        "..\\a.txt",
        "a\\..\\..\\b.txt",
        "\\windows\\a.txt",
        "\\\\server\\share\\a.txt",
        "C:\\a.txt",
        "a\0.txt",
        ".hidden/../../a.txt",
    ],
)
def test_names_that_lead_out(refused, name):
    refused(by_hand(name.encode(), b"x"), "unsafe_archive")


def test_a_name_with_dots_is_fine(upload, into):
    assert unpack(upload(zipped({"a..b/c...txt": "x"})), "a.zip", into)[0].name == "a..b/c...txt"


def test_links(refused):
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    refused(zipped({"a.txt": "x", link: "/etc/passwd"}), "unsafe_archive")


def test_a_password(refused):
    error = refused(by_hand(b"a.txt", b"x" * 20, flags=1), "encrypted")
    assert "password" in error.message
    refused(by_hand(b"a.txt", b"x" * 20, flags=1, method=99), "encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_are_not_read(refused, method):
    assert "Deflate" in refused(zipped({"a.txt": "x"}, method), "damaged").message
    assert "Deflate" in refused(by_hand(b"a.txt", b"x", method=9), "damaged").message


def test_damage(refused):
    content = zipped({"a.txt": "first " * 1000, "b.txt": "second " * 1000})
    for at in (4, 30, len(content) // 2, len(content) - 1):
        refused(content[:at], "damaged")
    refused(by_hand(b"a.txt", b"x", crc=7), "damaged")
    refused(by_hand(b"a.txt", b"xy", size=1), "damaged")
    refused(by_hand(b"a.txt", b"xy", size=99), "damaged")
    refused(by_hand(b"a.txt", b"xy", flags=0x20), "damaged")
    refused(b"text,label\n", "damaged")


def test_damage_in_the_second_member_removes_the_first(refused):
    content = bytearray(zipped({"a.txt": "first", "b.txt": "second"}, zipfile.ZIP_STORED))
    content[content.index(b"second")] ^= 1
    refused(bytes(content), "damaged")


def test_too_many_files(refused, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 10)
    refused(zipped({f"{i}.txt": "x" for i in range(11)}), "too_many_files")


def test_as_many_files_as_may_be(upload, into, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 10)
    assert len(unpack(upload(zipped({f"{i}.txt": "x" for i in range(10)})), "a.zip", into)) == 10


def test_a_list_of_files_that_is_too_long_to_be_taken_into_memory(refused, monkeypatch):
    monkeypatch.setattr(archives, "MAX_LISTING", 2**17)
    refused(zipped({"a" * 60_000 + f"{i}.txt": "x" for i in range(3)}), "too_many_files")


def test_more_than_the_limit(refused):
    refused(zipped({"a.txt": "a" * 600, "b.txt": "b" * 600}), "zip_bomb", limit=1000)
    refused(gzip.compress(b"a" * 1001), "zip_bomb", "a.gz", limit=1000)


def test_exactly_the_limit(upload, into):
    assert unpack(upload(zipped({"a.txt": "a" * 500, "b.txt": "b" * 500})), "a.zip", into, limit=1000)


def test_what_comes_out_is_counted_whatever_the_sizes_say(upload, into, monkeypatch):
    monkeypatch.setattr(archives, "_zip_parts", lambda file, name, wanted: (1, [("a.txt", iter([b"x" * 600] * 2))]))
    with pytest.raises(DataError) as caught:
        unpack(upload(zipped({"a.txt": "x"})), "a.zip", into, limit=1000)
    assert caught.value.code == "zip_bomb"
    assert list(into.iterdir()) == []


def test_far_more_than_its_own_size(refused):
    zeros = bytes(60 * 2**20)
    refused(gzip.compress(zeros, 6), "zip_bomb", "a.gz")
    refused(zipped({"a.txt": zeros}), "zip_bomb")


def test_a_high_ratio_of_little_is_fine(upload, into):
    assert unpack(upload(gzip.compress(bytes(10 * 2**20))), "a.gz", into)


def test_members_that_overlap_do_not_multiply(upload, into):
    """Many entries that share the bytes of one."""
    one = by_hand(b"a.txt", zlib.compress(bytes(10 * 2**20), wbits=-15), method=8, size=10 * 2**20)
    start = one.index(b"PK\1\2")
    entry = one[start : one.index(b"PK\5\6")]
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 50, 50, len(entry) * 50, start, 0)
    with pytest.raises(DataError) as caught:
        unpack(upload(one[:start] + entry * 50 + end), "a.zip", into)
    assert caught.value.code in ("zip_bomb", "damaged")
    assert list(into.iterdir()) == []


def test_a_disk_that_is_too_small_from_the_start(refused, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, archives.RESERVE + 999))
    refused(zipped({"a.txt": "x" * 1000}), "disk_full")


def test_a_disk_that_fills_up_meanwhile(refused, monkeypatch):
    free = iter([archives.RESERVE * 2] * 3 + [archives.RESERVE - 1] * 9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, next(free)))
    refused(zipped({f"{i}.txt": "x" for i in range(9)}), "disk_full")
    assert len(list(free)) == 8


def test_a_disk_that_refuses_a_write(upload, into):
    def full(done, total):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DataError) as caught:
        unpack(upload(zipped({"a.txt": "x"})), "a.zip", into, progress=full)
    assert caught.value.code == "disk_full"


@pytest.mark.parametrize(
    "inner",
    [
        zipped({"a.txt": "x"}),
        gzip.compress(b"x"),
        tarred(),
        b"7z\xbc\xaf\x27\x1c rest",
        b"Rar!\x1a\x07\0 rest",
    ],
)
def test_an_archive_in_an_archive(refused, upload, into, inner):
    assert "npack" in refused(zipped({"inner.bin": inner, "empty.txt": ""}), "nested_archive").action
    refused(gzip.compress(inner), "tar_archive" if inner == tarred() else "nested_archive", "a.gz")
    members = unpack(upload(zipped({"inner.bin": inner, "a.csv": "x"})), "a.zip", into)
    assert members == [Member("a.csv", into / "000001")]
    assert list(into.iterdir()) == [into / "000001"]


def test_a_spreadsheet_in_an_archive_is_no_archive(upload, into):
    sheet = zipped({"[Content_Types].xml": "x", "xl/workbook.xml": "x"})
    assert [m.name for m in unpack(upload(zipped({"a.xlsx": sheet})), "a.zip", into)] == ["a.xlsx"]


@pytest.mark.parametrize("files", [{}, {"a/": ""}, {"empty.txt": ""}, {".hidden": "x"}])
def test_nothing_in_it(refused, files):
    refused(zipped(files), "empty_file")


def test_nothing_in_a_gz(refused):
    refused(gzip.compress(b""), "empty_file", "a.gz")


# --- folders as classes


def rows(*names):
    members = [Member(name, Path(f"{i:06d}")) for i, name in enumerate(names)]
    found = folders_as_classes(members)
    if found:
        by_path = {member.path: member.name for member in members}
        assert all(by_path[path].endswith(file) for _, _, file, path in found)
    return found and [row[:3] for row in found]


def test_one_folder_per_class():
    assert rows("pos/1.txt", "neg/2.TXT", "neg/3.md", "pos/4") == [
        ("pos", "", "1.txt"),
        ("neg", "", "2.TXT"),
        ("neg", "", "3.md"),
        ("pos", "", "4"),
    ]


def test_a_common_outer_folder_is_no_class():
    assert rows("reviews/pos/1.txt", "reviews/neg/2.txt") == [("pos", "", "1.txt"), ("neg", "", "2.txt")]
    assert rows("a/pos/texts/1.txt", "a/neg/texts/2.txt") == [("pos", "", "1.txt"), ("neg", "", "2.txt")]


def test_the_layout_of_aclimdb():
    assert rows(
        "aclImdb/README",
        "aclImdb/imdb.vocab",
        "aclImdb/train/urls_pos.txt",
        "aclImdb/train/labeledBow.feat",
        "aclImdb/train/pos/1_7.txt",
        "aclImdb/train/neg/2_1.txt",
        "aclImdb/test/pos/1_9.txt",
        "aclImdb/test/neg/2_2.txt",
    ) == [
        ("pos", "train", "1_7.txt"),
        ("neg", "train", "2_1.txt"),
        ("pos", "test", "1_9.txt"),
        ("neg", "test", "2_2.txt"),
    ]


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("test", "test"),
        ("TESTING", "test"),
        ("val", "validation"),
        ("valid", "validation"),
        ("validation", "validation"),
        ("dev", "validation"),
        ("eval", "validation"),
        ("holdout", "test"),
        ("extra", ""),
    ],
)
def test_words_for_splits(folder, split):
    assert rows(f"{folder}/pos/1.txt", "train/neg/2.txt") == [
        ("pos", split, "1.txt"),
        ("neg", "train", "2.txt"),
    ]


def test_splits_within_the_classes_are_no_labels():
    found = rows("pos/train/1.txt", "pos/holdout/2.txt", "neg/train/3.txt", "neg/holdout/4.txt")
    splits = [("pos", "train"), ("pos", "test"), ("neg", "train"), ("neg", "test")]
    assert [row[:2] for row in found] == splits


def test_a_class_may_be_called_train():
    assert rows("train/1.txt", "bus/2.txt") == [("train", "", "1.txt"), ("bus", "", "2.txt")]


def test_folders_of_unequal_depth():
    assert rows("pos/1.txt", "neg/2020/2.txt", "neg/2021/3.txt") == [
        ("pos", "", "1.txt"),
        ("neg", "", "2.txt"),
        ("neg", "", "3.txt"),
    ]


def test_a_stray_file_at_the_top_does_not_matter():
    names = ["README.txt", "LICENSE", "picture.png", "r/README.md", "r/pos/1.txt", "r/neg/2.txt"]
    assert rows(*names) == [("pos", "", "1.txt"), ("neg", "", "2.txt")]


def test_one_class_is_still_told():
    assert rows("pos/1.txt", "pos/2.txt") == [("pos", "", "1.txt"), ("pos", "", "2.txt")]
    assert rows("train/pos/1.txt", "test/pos/2.txt") == [("pos", "train", "1.txt"), ("pos", "test", "2.txt")]


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["pos/1.txt"],
        ["1.txt", "2.txt"],
        ["train/1.txt", "test/2.txt"],
        ["labels.CSV", "pos/1.txt", "neg/2.txt"],
        ["pos/1.txt", "neg/table.xlsx", "neg/2.txt"],
        ["pos/1.pdf", "neg/2.txt", "neg/3.txt"],
        ["pos/1.png", "neg/2.png"],
    ],
)
def test_other_layouts_are_no_classes(names):
    assert rows(*names) is None


# --- hostile bytes


WHOLE = zipped(
    {
        "pos/1.txt": "good " * 50,
        "neg/2.txt": "bad",
        "größe.csv": "text,label\n" * 9,
        "in.zip": zipped({"a": "b"}),
    }
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([WHOLE, gz(b"text,label\n" * 99, "a.csv"), by_hand(b"a.txt", b"x" * 30)]),
    st.none() | st.integers(0, 10_000),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), max_size=6),
)
def test_damaged_bytes_give_files_or_a_sentence_and_nothing_half_written(tmp_path, whole, cut, flips):
    content = bytearray(whole if cut is None else whole[: cut % len(whole)])
    for at, bits in flips if content else []:
        content[at % len(content)] ^= bits
    path, into = tmp_path / "upload", tmp_path / "fuzzed"
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir()
    path.write_bytes(content)
    try:
        members = unpack(path, "mails.zip", into)
    except DataError as error:
        assert error.message and error.action
        members = []
    assert sorted(into.iterdir()) == [member.path for member in members]
    assert all(member.path.stat().st_size for member in members)
