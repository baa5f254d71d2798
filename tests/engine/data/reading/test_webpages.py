"""Tables that portals export as web pages or XML, and call .xls."""

import pytest

from engine.data.health import examine_file
from engine.data.reading import Options, read_bytes
from engine.errors import DataError
from tests.engine.data.reading.test_bad_input import in_bounds

ROWS = [[f"the lamp of number {i}", "good" if i % 2 else "bad"] for i in range(20)]


def row(cells, tag="td"):
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"


def page(rows=ROWS, names=("text", "label"), around="<html><body><table>{}</table></body></html>"):
    return around.format(row(names, "th") + "".join(map(row, rows)))


def sheet(rows, name="Mails", prefix=""):
    def element(kind, inner, more=""):
        return f"<{prefix}{kind}{more}>{inner}</{prefix}{kind}>"

    def cell(text):
        return element("Cell", element("Data", text, ' ss:Type="String"'))

    lines = "".join(element("Row", "".join(map(cell, one))) for one in rows)
    return element("Worksheet", element("Table", lines), f' ss:Name="{name}"')


def workbook(*sheets, prefix=""):
    return (
        '<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>'
        f'<{prefix}Workbook xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">{"".join(sheets)}</{prefix}Workbook>'
    )


@pytest.mark.parametrize("content", [
    page(), page(around="<!DOCTYPE html>\n<table>{}</table>"),
    page(around="<table><tr><td><table>{}</table></td></tr></table>"),
    page(around="<html><table><tr><td>Home</td><td>Help</td></tr></table><table>{}</table></html>"),
    workbook(sheet([["text", "label"], *ROWS])), workbook(sheet([["text", "label"], *ROWS], prefix="ss:"), prefix="ss:"),
])  # fmt: skip
def test_the_table_comes_out(content):
    table = read_bytes(content.encode(), "export.xls")
    assert table.columns == ["text", "label"]
    assert table.frame.to_numpy().tolist() == ROWS
    assert table.described() == "Web page or XML, 20 rows"
    assert examine_file(table) == []


def test_what_a_page_shows_is_what_is_read():
    cell = "so <b>it</b>\n  goes &amp; goes<br>on<script>alert(1)</script> &lt;here&gt;&nbsp;"
    table = read_bytes(page([[cell, "good"], *ROWS]).encode(), "export.xls")
    assert table.frame["text"][0] == "so it goes & goes\non <here>"


def test_cells_over_several_rows_say_the_same_in_each():
    spanned = "<tr><td rowspan=3>Billing</td><td>first</td></tr><tr><td>second</td></tr><tr><td>third</td></tr>"
    content = f"<table>{row(['class', 'text'], 'th')}{spanned}{row(['Other', 'fourth'])}</table>"
    assert read_bytes(content.encode(), "a.xls").frame.to_numpy().tolist() == [
        ["Billing", "first"], ["Billing", "second"], ["Billing", "third"], ["Other", "fourth"],
    ]  # fmt: skip


def test_cells_that_excel_leaves_out_are_empty():
    lines = [["text", "who", "label"], *(["so it goes", "me", "good"] for _ in range(5))]
    content = workbook(sheet(lines)).replace('<Cell><Data ss:Type="String">me</Data></Cell><Cell>', '<Cell ss:Index="3">')
    assert read_bytes(content.encode(), "a.xls").frame.to_numpy().tolist() == [["so it goes", "", "good"]] * 5


LETTERS = {
    "cp1252": "Müller schließt", "cp1251": "лампа светит", "cp1257": "Šį žiburį ąžuolų",
    "shift_jis": "明るい電灯", "big5": "燈很亮",
}  # fmt: skip


@pytest.mark.parametrize("encoding", LETTERS)
@pytest.mark.parametrize("head", [
    '<html><meta http-equiv="Content-Type" content="text/html; charset={}">', "<?xml version='1.0' encoding='{}'?><html>",
])  # fmt: skip
def test_letters_are_those_that_the_page_says(head, encoding):
    content = head.format(encoding) + page([[f"{LETTERS[encoding]} {i}", "good"] for i in range(9)])
    assert read_bytes(content.encode(encoding), "a.xls").frame["text"][8] == f"{LETTERS[encoding]} 8"


@pytest.mark.parametrize("said", ["windows-1252", "undefined", "hex", "utf-16", "ä"])
def test_a_page_in_utf_8_may_say_what_it_likes(said):
    content = f'<html><meta charset="{said}">' + page([[f"Müller schließt {i}", "good"] for i in range(9)])
    assert read_bytes(content.encode(), "a.xls").frame["text"][8] == "Müller schließt 8"
    broken = content.encode() + b"\xff"
    assert len(read_bytes(broken, "a.xls").frame) == 9


def test_blocks_are_lines_and_what_is_merged_comments_and_cdata_are_understood():
    cell = "one<p>two</p><div>three</div>four<ul><li>five</ul>"
    found = read_bytes(page([[cell, "good"], *ROWS]).encode(), "a.xls")
    assert found.frame["text"][0] == "one\ntwo\nthree\nfour\nfive"
    merged = '<Row><Cell ss:MergeAcross="1"><Data>so it goes</Data></Cell><Cell><Data>good</Data></Cell></Row>'
    noted = "<Cell><Data><![CDATA[a < b]]></Data><Comment>by Bo</Comment></Cell><Cell/><Cell><Data>bad</Data></Cell>"
    lines = [["text", "who", "label"], *([f"so it went {i}", "me", "good"] for i in range(5))]
    content = workbook(sheet(lines).replace("</Table>", f"{merged}<Row>{noted}</Row></Table>"))
    found = read_bytes(content.encode(), "a.xls").frame.to_numpy().tolist()
    assert found[5:] == [["so it goes", "", "good"], ["a < b", "", "bad"]]


def test_an_ampersand_that_is_not_written_as_xml_has_it_costs_no_row():
    lines = [["text", "label"], *([f"so & so {i}", "good"] for i in range(5))]
    assert read_bytes(workbook(sheet(lines)).encode(), "a.xls").frame["text"].str.startswith("so ").sum() == 5


def test_a_very_long_text_takes_no_row_with_it():
    long = "so it goes " * 1_000_000
    table = read_bytes(page([*ROWS, [long, "good"], *ROWS]).encode(), "a.xls")
    assert len(table.frame) == 41
    assert table.frame["text"][20] == long.strip()


@pytest.mark.parametrize("content", [
    "<html>" + "<table>" * 3000 + "".join(map(row, ROWS)),
    workbook(sheet([["text", "label"], *ROWS]))[:-300],
])  # fmt: skip
def test_what_can_only_be_read_in_part_is_refused(content):
    with pytest.raises(DataError, match="only a part of it can be read"):
        read_bytes(content.encode(), "a.xls")


@pytest.mark.parametrize("rows, code", [
    (
        "<tr><td colspan=1000 rowspan=1000>{}</td><td>x</td></tr>".format("so it goes " * 40_000) + "<tr></tr>" * 1000,
        "not_a_table",
    ),
    ("<tr><td>x</td><td colspan=1000 rowspan=1000>y</td></tr>" * 200, "too_many_columns"),
    ("<tr><td>" * 100 + "so it goes " * 100_000, "not_a_table"),
])  # fmt: skip
def test_a_page_of_few_bytes_takes_little_memory(tmp_path, rows, code):
    path = tmp_path / "a.xls"
    path.write_text(f"<table>{rows}</table>", encoding="utf-8")
    assert in_bounds(path, 600) == code  # 200 of them beyond what the program takes itself


def test_several_tables_are_as_several_sheets():
    other = "<table>" + row(["country", "capital"], "th") + row(["France", "Paris"]) * 2 + "</table>"
    content = (page(around="<table>{}</table>") * 2 + other).encode()
    table = read_bytes(content, "a.html")
    assert (len(table.frame), table.sheets, table.left_out) == (
        40,
        ("Table 1", "Table 2", "Table 3"),
        ("Table 3",),
    )
    assert len(read_bytes(content, "a.html", Options(sheet="Table 3")).frame) == 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_pages_may_be_in_utf_16(encoding):
    content = '<html><meta charset="utf-8">' + page([[f"Müller schließt {i}", "good"] for i in range(9)])
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b"\xfe\xff" if encoding == "utf-16-be" else b""
    assert read_bytes(mark + content.encode(encoding), "a.xls").frame["text"][8] == "Müller schließt 8"


@pytest.mark.parametrize(
    "before",
    ["<!-- made by a portal -->", "<style>td {color: red}</style>", "<center>", "<div><h1>Mails</h1>"],
)
def test_pages_may_begin_with_other_things(before):
    assert len(read_bytes((before + page()).encode(), "a.xls").frame) == 20


def test_texts_that_begin_with_a_tag_are_texts():
    lines = "\n".join(["<p>text</p>\tlabel", *(f"<p>{text}</p>\t{label}" for text, label in ROWS)])
    assert len(read_bytes(lines.encode(), "a.tsv").frame) == 20
    tables = "\n".join(f"<div><table><tr><td>{text}</td></tr></table></div>\t{label}" for text, label in ROWS)
    assert len(read_bytes(tables.encode(), "a.tsv").frame) == 20


def test_a_small_table_in_a_cell_is_what_the_cell_says():
    inner = "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>"
    table = read_bytes(page([[f"so {inner} goes", "good"], *ROWS]).encode(), "a.xls")
    assert len(table.frame) == 21
    assert table.frame["text"][0].split() == ["so", "a", "b", "c", "d", "goes"]


@pytest.mark.parametrize("strange", ["\x1a", "&#26;", "&#0;", "\x00", "\x0b", "\ufffe", "&#xD800;"])
def test_characters_that_no_page_may_have_take_no_row_with_them(strange):
    content = page([[f"so it{strange}<br>{strange} goes<p>{strange}on</p>{strange}", "good"], *ROWS])
    table = read_bytes(content.encode(), "a.xls")
    assert len(table.frame) == 21
    assert "so it" in table.frame["text"][0] and "goes" in table.frame["text"][0]
