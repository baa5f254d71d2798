"""Separated text as programs and people leave it: what must come out, small and large."""

import csv
import io
import random
from itertools import product

import pytest

from engine.data.reading import Options, read_bytes, separated

THINGS, WORDS = ("lamp", "kettle", "chair", "bag", "desk", "shoe"), ("fine", "odd", "new", "old", "dull")
ROWS = [
    [f"the {thing} is {word}{', really' if i % 3 == 0 else ''}", "good" if i % 2 else "bad"]
    for i, (thing, word) in enumerate(product(THINGS, WORDS))
]


def lines(rows=ROWS, separator=",", header="text,label", quote=False) -> str:
    body = [separator.join(f'"{cell}"' if quote else cell for cell in row) for row in rows]
    return "\n".join([header, *body] if header else body) + "\n"


def written(rows=ROWS, header=("text", "label"), **how) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", **how)
    writer.writerows([header, *rows] if header else rows)
    return out.getvalue()


def read(text, **options):
    return read_bytes(text.encode(), "x.csv", Options(**options))


def cells(text, **options):
    return read(text, **options).frame.to_numpy().tolist()


def wrapped(line):
    return '"' + line.replace('"', '""') + '"\n'


BODY = written(header=None).splitlines()
BODY_OF_SEMICOLONS = written(header=None, delimiter=";").splitlines()
PLAIN = [[text.replace(",", ""), label] for text, label in ROWS]


GIVES_ROWS = {
    "the text is last and its commas are not quoted": lines([row[::-1] for row in ROWS], header="label,text"),
    "the same without a header": lines([row[::-1] for row in ROWS], header=""),
    "the text is first and its commas are not quoted": lines(),
    "blanks before the quotes": lines(quote=True).replace('","', '", "').replace("text,label", '"text", "label"'),
    "whole lines in quotes": "text,label\n" + "".join(map(wrapped, BODY)),
    "apostrophes as quotes": written(quotechar="'", quoting=csv.QUOTE_ALL),
    "a separator of two characters": lines(separator="||", header="text||label"),
    "a separator of three characters": lines(separator="~|~", header="text~|~label"),
    "a control character as separator": lines(separator="\x01", header="text\x01label"),
    "two blanks and more": "\n".join(f"{a:<60}{b}" for a, b in [["text", "label"], *ROWS]),
    "separators at the end of each row": "".join(line + ";;\n" for line in written(delimiter=";").splitlines()),
    "separators at the end of each row but the first": "text;label\n" + "".join(f"{one};\n" for one in BODY_OF_SEMICOLONS),
    "a comment above": "# made by a tool\n# licence: free, see below\n" + written(),
    "a title above with as many commas": "Export, of 3 May\n" + written(),
    "names that come again": written() + "text,label\n",
    "names that come again behind a byte order mark": written() + "\ufefftext,label\n",
    "the end of a file in DOS": written() + "\x1a",
    "drawn by a database": " text | label \n------+-------\n" + "".join(f" {a} | {b}\n" for a, b in ROWS) + "(30 rows)\n",
    "drawn by another database": (
        f"+{'-' * 40}+\n| text | label |\n+{'-' * 40}+\n" + "".join(f"| {a} | {b} |\n" for a, b in ROWS)
        + f"+{'-' * 40}+\n30 rows in set (0.01 sec)\n"
    ),
    "a first line that declares the separator": "sep=;\n" + written(delimiter=";"),
}  # fmt: skip


@pytest.mark.parametrize("text", GIVES_ROWS.values(), ids=GIVES_ROWS.keys())
def test_the_rows_come_out(text):
    table = read(text)
    rows = table.frame.to_numpy().tolist()
    if table.columns[:2] == ["label", "text"] or table.columns == ["0", "1"]:
        rows = [row[::-1] for row in rows]
    assert [[cell.strip() for cell in row] for row in rows] == ROWS


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", "^", "~", "¦", "§", "::"])
def test_a_separator_is_found(separator):
    assert cells(lines(PLAIN, separator, f"text{separator}label")) == PLAIN


def test_names_of_rows_as_r_writes_them():
    table = read('"text","label"\n' + "".join(f'"{i}","{text}","{label}"\n' for i, (text, label) in enumerate(ROWS)))
    assert table.columns == ["column 1", "text", "label"]
    assert table.frame[["text", "label"]].to_numpy().tolist() == ROWS


def test_one_column_stays_one():
    texts = [row[0] for row in ROWS]
    assert [row for (row,) in cells("text\n" + "\n".join(texts))] == texts
    assert [row for (row,) in cells("text\n" + "\n".join(f'"{text}"' for text in texts))] == texts
    links = [f"see http://a.b/{i} at 10:30 we met #{i}" for i in range(20)]
    assert [row for (row,) in cells("\n".join(links))] == links


def test_a_label_and_a_blank_before_each_text():
    for labels in (("pos", "neg"), ("0", "1"), ("NUM:dist", "DESC:def")):
        rows = [[labels[i % 2], f"I saw {text}"] for i, (text, _) in enumerate(ROWS)]
        assert cells("\n".join(" ".join(row) for row in rows)) == rows
    questions = [f"{('what', 'how', 'why')[i % 3]} is {text} here" for i, (text, _) in enumerate(ROWS)]
    assert [one for (one,) in cells("\n".join(questions))] == questions


def test_quotes_that_are_only_characters_stay():
    rows = [['"' * (i % 7 == 0) + f"text {i} is here" + '"' * (i % 5 == 0), str(i % 2)] for i in range(5000)]
    assert cells(lines(rows, "\t", "sentence\tlabel")) == rows


def test_a_quote_inside_quotes_that_is_not_doubled():
    text = written() + '"they said "the" end, and left",bad\n"great film" of the year,good\n'
    assert cells(text)[-2:] == [
        ['they said "the" end, and left', "bad"],
        ['"great film" of the year', "good"],
    ]


def test_an_empty_field_before_it_stays():
    text = "note\ttext\tlabel\n" + "".join(f'\t"{i} fine "words" there"\tgood\n\t"dull {i}"\tbad\n' for i in range(30))
    assert cells(text)[:2] == [["", '0 fine "words" there', "good"], ["", "dull 0", "bad"]]


@pytest.mark.parametrize("fields", ['"a,', '" ,'])
def test_quotes_of_which_none_is_closed_take_no_time(fields):
    found = read(written(PLAIN) + "so" + fields * 150_000 + "\n" + written(PLAIN))
    assert len(found.frame) == 2 * len(PLAIN)


def test_backslashes_and_doubled_quotes():
    text = "text,label\n" + "".join(f'"say \\"{i}\\", ok",a\n"say ""{i}"", ok",b\n' for i in range(20))
    assert cells(text)[:2] == [['say "0", ok', "a"], ['say "0", ok', "b"]]


def test_too_many_and_too_few_fields_are_listed_with_their_lines():
    body = written(PLAIN).splitlines()
    body[5:5], body[9:9] = ["a,b,c"], ["only a text"]
    table = read("\n".join(body))
    assert [(one.line, one.reason) for one in table.rejected] == [(6, "3 fields where 2 were expected")]
    assert [(one.line, one.reason) for one in table.padded] == [(10, "1 field where 2 were expected")]
    assert len(table.frame) == 31


def test_more_fields_than_names_in_every_row_become_columns_without_a_name():
    table = read("text,label\n" + "".join(f"text {i} of it,{'ab'[i % 2]},more {i % 7}\n" for i in range(40)))
    assert table.columns == ["text", "label", "column 3"]
    assert table.frame["label"].unique().tolist() == ["a", "b"]


# -- large files, which another parser reads --------------------------------------------------------

MANY = [[str(i), f"some words of text {i}, and more of them", "ab"[i % 2], str(i * 7)] for i in range(90_000)]
HEADER = ("id", "text", "label", "x")


def open_quote(i, closing):
    return f"{i},{'' if closing else chr(34)}the words{chr(34) if closing else ''} of {i},a,{i}"


LARGE = {
    "nothing odd": [],
    "an empty first cell": [",no id,a,1"],
    "a blank line": ["", "  "],
    "blank cells only": [",,,"],
    "a short row": ["7,only this"],
    "a long row": ["7,a,b,1,2,3"],
    "NULs": ["7,a\0b,a,1"],
    "names that come again": ["id,text,label,x"],
    "a quote that is never closed": ['7,"never closed,a,1'],
    "quotes around two rows": [open_quote(1, False), open_quote(2, True)],
    "quotes around ten rows": [
        open_quote(1, False),
        *(f"{i},words,b,{i}" for i in range(9)),
        open_quote(2, True),
    ],
    "line breaks in quotes": ['7,"a text, of two\nlines, and more",b,1'],
    "words for nothing": ["NA,null,None,NaN"],
    "a line separator that is none": ["7,a\u2028b\x85c,a,1"],
}


@pytest.mark.parametrize("odd", LARGE.values(), ids=LARGE.keys())
def test_both_parsers_give_the_same(odd, monkeypatch):
    body = written(MANY, HEADER).splitlines()
    body[80_000:80_000] = odd
    text = "\n".join(body) + "\n"
    assert len(text) > separated.FAST_FROM
    fast = read(text)
    monkeypatch.setattr(separated, "FAST_FROM", 10**12)
    slow = read(text)
    assert fast.frame.equals(slow.frame)
    assert (fast.rejected, fast.padded) == (slow.rejected, slow.padded)


def test_a_large_regular_file_takes_the_fast_way(monkeypatch):
    monkeypatch.setattr(separated, "parse", None)
    table = read(written([*MANY, ["", "no id", "a", "1"]], HEADER))
    assert len(table.frame) == len(MANY) + 1
    assert table.encoding == "utf-8"


@pytest.mark.parametrize("names", [("", "text", "label", "x"), HEADER])
def test_so_does_one_whose_texts_only_end_in_the_name_of_their_column(monkeypatch, names):
    monkeypatch.setattr(separated, "parse", None)
    rows = [[f"the number of its {names[0]}", "out of any text", "a", "1"]]
    assert len(read(written([*MANY, *rows], names)).frame) == len(MANY) + 1


def test_names_that_come_again_are_no_row_though_the_first_column_has_none():
    names = ["", "text", "label", "x"]
    table = read(written([*MANY, names], names))
    assert (len(table.frame), table.rejected_count) == (len(MANY), 1)


def test_a_large_file_of_another_encoding_is_found_out_though_it_begins_as_ascii():
    text = written(MANY, HEADER) + "1,schöne Grüße,b,2\n"
    table = read_bytes(text.encode("cp1252"), "x.csv")
    assert table.encoding == "cp1252"
    assert table.frame["text"].iloc[-1] == "schöne Grüße"


def open_texts(separator):
    """Rows of an id, a text in which nothing quotes the separators, and a label."""
    for i in range(60):
        text = separator.join(["Dear team", "this came late", "please help me"][: 1 + i % 3]) + f" with number {i}"
        yield str(i), text, ["good", "bad", "so"][i * 7 % 3]


@pytest.mark.parametrize("separator", [",", "\t"])
@pytest.mark.parametrize("before, behind", [([], []), (["2024-05-01"], []), ([], ["en"]), (["2024-05-01"], ["en"])])
def test_a_text_with_separators_that_nothing_quotes_is_found_by_the_names(separator, before, behind):
    names = ["date"] * len(before) + ["id", "text", "label"] + ["lang"] * len(behind)
    rows = [[*before, *row, *behind] for row in open_texts(separator)]
    content = "".join(separator.join(row) + "\n" for row in [names, *rows])
    table = read_bytes(content.encode(), "x.csv")
    assert table.columns == names
    assert table.frame[names].to_numpy().tolist() == rows


@pytest.mark.parametrize("separator", [",", "\t"])
def test_so_it_is_without_names(separator):
    rows = [list(row) for row in open_texts(separator)]
    table = read_bytes("".join(separator.join(row) + "\n" for row in rows).encode(), "x.csv")
    assert not table.header
    assert table.frame.to_numpy().tolist() == rows


def test_the_commas_of_sentences_separate_nothing():
    said = [
        ("The food", "but it was cold"),
        ("A stay", "as we like it"),
        ("Our order", "late as always"),
    ] * 20
    texts = [f"{first} number {i}, {rest} on day {i}" for i, (first, rest) in enumerate(said)]
    table = read_bytes("\n".join(texts).encode(), "x.txt")
    assert table.frame.to_numpy().tolist() == [[text] for text in texts]
    marked = [[text, "ab"[i % 2]] for i, text in enumerate(texts)]
    table = read_bytes("\n".join("@".join(row) for row in marked).encode(), "x.txt")
    assert table.frame.to_numpy().tolist() == marked


@pytest.mark.parametrize("names", ["customer_review, customer_mood\n", ""])
def test_a_blank_behind_each_comma_may_be_that_of_a_table(names):
    rows = [f"it was fine with number {i}, {['glad', 'sad', 'angry', 'calm', 'bored'][i % 5]}" for i in range(20)]
    assert len(read_bytes((names + "\n".join(rows)).encode(), "x.csv").columns) == 2
    assert len(read_bytes((names + "\n".join(rows[:6])).encode(), "x.csv").columns) == 2


@pytest.mark.parametrize("text", ["Ich hab''s; gut Nr {}", "Es ist gut Nr {}"])
@pytest.mark.parametrize("names", ["", "label;text\n"])
def test_single_quotes_are_quotes_too(text, names):
    lines = [f"{'ab'[i % 2]};'{text.format(i)}.'" for i in range(40)]
    table = read_bytes((names + "\n".join(lines)).encode(), "x.csv")
    assert table.frame.iloc[7].tolist() == ["b", text.format(7).replace("''", "'") + "."]


@pytest.mark.parametrize("separator", ["\t", ";", ","])
def test_one_stray_quote_does_not_take_quoting_from_a_file(separator):
    rows = [[f"{i}", f"text number {i} which is good", "ab"[i % 2]] for i in range(100)]
    rows[20][1] = 'he said "no" to us'
    content = "".join(separator.join(f'"{cell}"' for cell in row) + "\n" for row in [["id", "text", "label"], *rows])
    table = read_bytes(content.encode(), "x.csv")
    assert table.columns == ["id", "text", "label"]
    assert table.frame.to_numpy().tolist() == rows


def test_a_quote_that_is_never_closed_takes_no_row_with_it():
    rows = [f'{i},"Text number {i}, which is good",{"ab"[i % 2]}\n' for i in range(100)]
    rows[40] = '40,"First, the quote is never closed,a\n'
    rows[41] = '41,"This one has no comma",b\n'
    table = read_bytes(("id,text,label\n" + "".join(rows)).encode(), "x.csv")
    assert table.frame["id"].tolist() == [str(i) for i in range(100) if i != 40]
    assert [one.line for one in table.rejected] == [42]


@pytest.mark.parametrize("at", [1, 8000])
def test_one_stray_quote_takes_no_row_with_it_however_many_follow(at):
    rows = [[f"{i}", f"the words of text number {i}", "ab"[i % 2]] for i in range(10_000)]
    rows[at][1] = '"' + rows[at][1]
    most = csv.field_size_limit(20_000)
    try:
        table = read("".join("\t".join(row) + "\n" for row in [["id", "text", "label"], *rows]))
    finally:
        csv.field_size_limit(most)
    assert table.rejected_count == 0
    assert table.frame.to_numpy().tolist() == rows


@pytest.mark.parametrize("tail", [";", ";;;"])
def test_lines_that_a_spreadsheet_took_for_one_field_and_ended_with_empty_ones(tail):
    lines = ["id,text,label", *(f'{i},"Text number {i}, which is ""good""",{"ab"[i % 2]}' for i in range(60))]
    wrapped = ['"' + line.replace('"', '""') + '"' if '"' in line else line for line in lines]
    table = read_bytes("".join(f"{line}{tail}\n" for line in wrapped).encode(), "x.csv")
    assert table.columns == ["id", "text", "label"]
    assert table.frame.iloc[7].tolist() == ["7", 'Text number 7, which is "good"', "b"]


def test_separators_behind_some_rows_open_no_text():
    lines = [f"{i},the film was great fun to see,{['pos', 'neg'][i % 2]}{',' * (i % 5 == 0)}" for i in range(100)]
    table = read_bytes("\n".join(["id,text,label", *lines]).encode(), "x.csv")
    assert table.columns == ["id", "text", "label"]
    assert set(table.frame["label"]) == {"pos", "neg"}


def test_semicolons_that_belong_to_the_last_field_stay():
    lines = [f"{['pos', 'neg'][i % 2]},x = {i};" for i in range(100)]
    assert read_bytes("\n".join(lines).encode(), "x.csv").frame.iloc[3].tolist() == ["neg", "x = 3;"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("rows, lines", [(120, (60, 200)), (600, (5, 60)), (15, (9000, 12000))])
def test_letters_of_many_lines_are_a_text_each(separator, rows, lines):
    """Wherever among them the part ends that the separator is found in."""
    chance = random.Random(0)
    some = [
        "We ordered two lamps, and one came; it was broken.",
        'He said "no".',
        "",
        "- item; one, two",
        "Kind regards,",
    ]
    letters = [
        [str(i), "\n".join(chance.choices(some, k=chance.randint(*lines))).strip(), "abc"[i % 3]] for i in range(rows)
    ]
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows([["Nr", "Text", "Klasse"], *letters])
    assert len(out.getvalue()) > 200_000
    found = read_bytes(out.getvalue().encode(), "x.csv")
    assert found.columns == ["Nr", "Text", "Klasse"] and not found.rejected_count
    assert [row[1:] for row in found.frame.to_numpy().tolist()] == [row[1:] for row in letters]


def test_blanks_around_a_long_separator_are_no_part_of_the_cells():
    plots = [f"A {'very ' * (i % 5)}long story of number {i}" for i in range(60)]
    genres = ["drama", "comedy"] * 30
    text = "".join(
        f"{i} ::: Film {i} ::: {genre} ::: {plot}\n" for i, (genre, plot) in enumerate(zip(genres, plots, strict=True))
    )
    frame = read_bytes(text.encode(), "train.txt").frame
    assert [cell.strip() for cell in frame.iloc[1]] == ["1", "Film 1", "comedy", plots[1]]


def in_lines(order, ended="\n", every=2, count=60):
    """(rows, the same as a file): all texts but one in `every` have one or two line breaks, and nothing quotes them."""
    rows = []
    for i in range(count):
        more = [f"{WORDS[i % 5]} it was on day {i}", f"{THINGS[i % 6]}s are like that"][: 1 + i % 2]
        text = "\n".join([f"the {THINGS[i % 6]} of number {i}", *(more if i % every else [])])
        cells = {"id": str(i), "text": text, "label": ("good", "so", "bad")[i // 4 % 3]}
        rows.append([cells[name] for name in order])
    return rows, "".join("\t".join(row) + ended for row in [order, *rows])


ORDERS = [
    ["id", "text", "label"], ["id", "label", "text"], ["label", "id", "text"], ["label", "text"], ["text", "label"],
]  # fmt: skip
BROKEN = [case for case in product(ORDERS, [2, 4], ["\n", "\r\n"]) if case[::2] != (ORDERS[4], "\n")]
"""Of a text before its label, which may be missing, the first line may as well be a row."""


@pytest.mark.parametrize("order, every, ended", BROKEN)
def test_line_breaks_that_nothing_quotes_stay_in_their_texts(order, every, ended):
    rows, file = in_lines(order, ended, every)
    table = read(file)
    assert table.columns == order
    assert table.frame.to_numpy().tolist() == rows
    assert (table.padded_count, table.broken) == (0, sum("\n" in "".join(row) for row in rows))


def test_rows_that_lack_their_label_and_headings_between_rows_go_on_with_nothing():
    _, file = in_lines(["id", "text", "label"], every=1)
    lines = file.splitlines()
    lacking = [line.rpartition("\t")[0] if i % 5 == 2 else line for i, line in enumerate(lines)]
    table = read("\n".join(lacking))
    assert (len(table.frame), table.padded_count, table.broken) == (60, 12, 0)
    _, file = in_lines(["id", "label", "text"], every=1)
    lines = file.splitlines()
    headed = [one for i, line in enumerate(lines) for one in ([line, f"Part {i}"] if i % 9 == 5 else [line])]
    table = read("\n".join(headed))
    assert (len(table.frame), table.padded_count, table.broken) == (67, 7, 0)


def test_rows_may_lack_their_last_fields_more_often_than_not():
    lines = [f"{i},the {THINGS[i % 6]} of number {i} is fine" + (",good,me" if i % 3 == 0 else "") for i in range(60)]
    table = read("\n".join(["id,text,label,who", *lines]))
    assert table.columns == ["id", "text", "label", "who"]
    assert (len(table.frame), table.padded_count) == (60, 40)


@pytest.mark.parametrize("sign", [":::", "->", "=>", "[SEP]", "+++$+++", "<sep>", "|||"])
def test_a_sign_of_several_characters_separates_though_the_texts_have_commas(sign):
    rows = [[f"the {THINGS[i % 6]}, of number {i}, is {WORDS[i % 5]}", "good" if i % 2 else "bad"] for i in range(40)]
    table = read("\n".join(f" {sign} ".join(row) for row in rows))
    assert table.separator == sign
    assert [[cell.strip() for cell in row] for row in table.frame.to_numpy()] == rows


def test_a_broken_file_may_be_read_without_names_or_from_another_row():
    rows, file = in_lines(["id", "text", "label"], every=4)
    found = read(file, names_row=0, first_row=2)
    assert found.frame.to_numpy().tolist() == rows


def test_signs_without_end_take_no_time():
    line = " ".join(f"{one}{other}{one}" for one in "#$%&*+-=<>^~|@" for other in "#$%&*+-=<>^~|@") * 20
    assert len(read("\n".join(f"{line} {number}" for number in range(8))).frame)


def test_blanks_without_end_take_no_time():
    assert len(read('"' + " " * 800_000 + 'x"\na b\nb c\n').frame)


@pytest.mark.parametrize("note", ["Reviews of the month {}", "# source file number {}", "== reviews of month {} =="])
def test_notes_between_rows_are_no_part_of_a_text(note):
    _, file = in_lines(["label", "text"], every=1)
    noted = [one for i, line in enumerate(file.splitlines()) for one in ([note.format(i), line] if i % 9 == 5 else [line])]
    found = read("\n".join(noted))
    assert not found.broken
    assert not found.frame["text"].str.contains("\n").any()


def test_notes_below_all_rows_are_no_part_of_the_last_text():
    _, file = in_lines(["label", "text"], every=1)
    notes = [
        "exported by somebody on Monday",
        "this list is for internal use only",
        "more rows are there on demand",
    ]
    found = read(file + "\n".join(notes))
    assert found.frame["text"].iloc[59] == "the shoe of number 59"


def test_a_block_of_texts_without_a_label_stays_texts():
    lines = [f"the {THINGS[i % 6]} of number {i} is here" + ("\tgood" if i < 200 else "") for i in range(300)]
    found = read("\n".join(["text\tlabel", *lines]))
    assert (len(found.frame), found.broken) == (300, 0)


def test_texts_without_a_label_stay_texts():
    lines = [f"the {THINGS[i % 6]} of number {i} is here" + ("\tgood" if i % 4 == 0 else "") for i in range(200)]
    found = read("\n".join(["text\tlabel", *lines]))
    assert (len(found.frame), found.broken) == (200, 0)


def test_rows_with_other_line_ends_behind_texts_with_bare_ones_stay_rows():
    rows, file = in_lines(["id", "text", "label"], "\r\n", every=2)
    more = [[str(i), f"the {THINGS[i % 6]} of number {i}", ("good", "bad")[i % 2]] for i in range(60, 400)]
    found = read(file + "".join("\t".join(row) + "\n" for row in more))
    assert found.frame.to_numpy().tolist() == rows + more


def test_decimal_commas_do_not_separate_what_semicolons_do():
    rows = [[f"the {THINGS[i % 6]} of number {i}", f"{i % 10},{i * 7 % 10}"] for i in range(100)]
    assert cells("\n".join(["text;score", *map(";".join, rows)])) == rows


def test_a_comment_behind_some_rows_is_a_column():
    lines = [f"{i},the {THINGS[i % 6]} of number {i},{'ab'[i % 2]}" + (",fine" if i % 3 == 0 else "") for i in range(90)]
    found = read("\n".join(["id,text,label,comment", *lines]))
    assert found.columns == ["id", "text", "label", "comment"]
    assert found.frame["label"].tolist() == ["a", "b"] * 45
