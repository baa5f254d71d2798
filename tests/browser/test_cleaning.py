"""From a file as an office has it to a clean data set, by clicks alone."""

from playwright.sync_api import expect

from engine.data.datasets import list_datasets, load_rows
from tests.words import easy_csv, easy_texts

BROKEN = ["zu;viele;Felder;sind;hier", "noch;eine;Zeile;mit;fünf", "und;eine;dritte;mit;zu;vielen"]


def office_csv() -> bytes:
    """Semicolons, Windows-1252, padded labels, five repeated rows, one label in two spellings, three broken rows."""
    rows = [f"{i};Schön: {text.replace(';', ',')}; {label} ;Köln" for i, (text, label) in enumerate(easy_texts(120))]
    rows += rows[:5]
    rows += [f"{200 + i};Noch ein Text, Nummer {i} über das Gerät;Good;Köln" for i in range(12)]
    rows[30:30], rows[60:60], rows[90:90] = BROKEN[:1], BROKEN[1:2], BROKEN[2:]
    return "\r\n".join(["Nr;Nachricht;Urteil;Ort", *rows]).encode("cp1252")


def test_from_an_office_file_to_a_clean_data_set(visit, workspace, tmp_path):
    file = tmp_path / "büro.csv"
    file.write_bytes(office_csv())
    visitor = visit().open()
    visitor.page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    visitor.see("Windows-1252), separated by semicolon, 137 rows")
    visitor.page.get_by_test_id("stDataFrame").filter(visible=True).first.hover()
    expect(visitor.page.get_by_role("button", name="Search: The first rows")).to_be_visible()
    expect(visitor.page.get_by_role("button", name="Download as CSV")).not_to_be_visible()  # it would keep formulas
    visitor.page.get_by_text("3 rows could not be read").click()
    expect(visitor.page.get_by_role("combobox", name="Column with the labels")).to_have_value("Urteil")
    visitor.page.get_by_text("Findings and fixes").click()
    visitor.press("Merge the spellings")
    visitor.see("were merged in 12 rows")
    visitor.press("Keep one of each")
    visitor.see("5 repeated rows were left out")
    visitor.page.reload()
    visitor.settle()
    visitor.see("5 repeated rows were left out")
    visitor.press("Save")
    visitor.see("Your data sets")
    info = list_datasets(workspace)[0]
    assert info.labels == ["bad", "good"]
    assert info.total == 132
    assert all(text.startswith(("Schön: the", "Noch ein Text")) for text in load_rows(workspace, info.id)["text"])
    visitor.page.get_by_text("What is in it").click()
    visitor.see("5 repeated rows were left out")
    visitor.see("3 rows could not be read")
    assert file.read_bytes() == office_csv()
    visitor.leave()


def test_a_large_file_shows_progress_and_can_be_cancelled_and_read(visit, workspace, tmp_path):
    file = tmp_path / "large.csv"
    header, rows = easy_csv(400).split("\n", 1)
    with file.open("w") as out:
        out.write(header + "\n")
        for number in range(900):
            out.write(rows.replace("the ", f"the {number} "))
    visitor = visit().open()
    visitor.page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    visitor.page.locator(".st-key-cancel_read button").click()
    visitor.see("Drop a table here")
    visitor.settle()
    visitor.page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    visitor.see("360,000 rows")
    visitor.see("Class balance", 120)
    visitor.press("Save")
    visitor.see("Your data sets", 120)
    assert list_datasets(workspace)[0].total == 360_000
    visitor.leave()
