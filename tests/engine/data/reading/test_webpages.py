"""Tables that portals export as web pages or XML, and call .xls."""

import pytest

from engine.data.health import examine_file
from engine.data.reading import Options, read_bytes

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
    spanned = (
        "<tr><td rowspan=3>Billing</td><td>first</td></tr><tr><td>second</td></tr><tr><td>third</td></tr>"
    )
    content = f"<table>{row(['class', 'text'], 'th')}{spanned}{row(['Other', 'fourth'])}</table>"
    assert read_bytes(content.encode(), "a.xls").frame.to_numpy().tolist() == [
        ["Billing", "first"], ["Billing", "second"], ["Billing", "third"], ["Other", "fourth"],
    ]  # fmt: skip


def test_cells_that_excel_leaves_out_are_empty():
    lines = [["text", "who", "label"], *(["so it goes", "me", "good"] for _ in range(5))]
    content = workbook(sheet(lines)).replace(
        '<Cell><Data ss:Type="String">me</Data></Cell><Cell>', '<Cell ss:Index="3">'
    )
    assert read_bytes(content.encode(), "a.xls").frame.to_numpy().tolist() == [["so it goes", "", "good"]] * 5


@pytest.mark.parametrize(
    "encoding, said",
    [("cp1252", "windows-1252"), ("utf-8", "utf-8"), ("utf-8", None), ("cp1251", "windows-1251")],
)
def test_letters_are_those_of_the_page(encoding, said):
    text = "Müller schließt" if encoding != "cp1251" else "лампа светит"
    head = f'<html><meta http-equiv="Content-Type" content="text/html; charset={said}">' if said else "<html>"
    content = head + page([[f"{text} {i}", "good"] for i in range(9)])
    assert read_bytes(content.encode(encoding), "a.xls").frame["text"][8] == f"{text} 8"


def test_several_tables_are_as_several_sheets():
    other = "<table>" + row(["country", "capital"], "th") + row(["France", "Paris"]) + "</table>"
    content = (page(around="<table>{}</table>") * 2 + other).encode()
    table = read_bytes(content, "a.html")
    assert (len(table.frame), table.sheets, table.left_out) == (
        40,
        ("Table 1", "Table 2", "Table 3"),
        ("Table 3",),
    )
    assert len(read_bytes(content, "a.html", Options(sheet="Table 3")).frame) == 1
