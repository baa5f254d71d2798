"""Archives and workbooks with several tables, or with texts in folders."""

import io
import json
import zipfile

import pytest
import xlsxwriter

from engine.data.columns import propose
from engine.data.reading import Options, read_bytes
from engine.errors import DataError

ROWS = [[f"a text about thing {i}, quite short", ["good", "bad"][i % 2]] for i in range(30)]


def table(rows, header="text,label"):
    return "\n".join([header, *(f'"{text}",{label}' for text, label in rows)]) + "\n"


def read_zip(files, **options):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return read_bytes(out.getvalue(), "x.zip", Options(**options))


def read_book(sheets, **options):
    """sheets: {name: (rows, hidden)}"""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        for name, (rows, hidden) in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
            if hidden:
                sheet.hide()
    return read_bytes(out.getvalue(), "x.xlsx", Options(**options))


@pytest.mark.parametrize("others", [
    {}, {"README.md": "# Data\n\nReviews, from a shop.\n"}, {"d/LICENSE": "MIT License\n\nCopyright"},
    {"paper.pdf": "%PDF-1.4 aaaa"}, {"classes.txt": "good\nbad\n"}, {"__MACOSX/._d.csv": "\0\5\x16\7" * 9},
    {"~$d.xlsx": "\x05user" + "\0" * 60}, {"list.csv": "name\na\nb\n"},
])  # fmt: skip
def test_one_table_beside_other_files(others):
    found = read_zip({"d.csv": table(ROWS), **others})
    assert found.frame.to_numpy().tolist() == ROWS
    assert set(found.left_out) == {name for name in others if not name.startswith("__MACOSX")}


@pytest.mark.parametrize("names, origins", [
    (("train.csv", "test.csv"), {"train", "test"}), (("train/data.csv", "test/data.csv"), {"train", "test"}),
    (("x/a.csv", "y/b.csv"), {"x/a", "y/b"}),
])  # fmt: skip
def test_tables_with_the_same_columns_are_put_together(names, origins):
    found = read_zip({names[0]: table(ROWS[:20]), names[1]: table(ROWS[20:])})
    assert found.frame[["text", "label"]].to_numpy().tolist() == ROWS
    assert set(found.frame["file"]) == origins
    if origins == {"train", "test"}:
        assert propose(found.frame).split == "file"


def test_names_may_be_written_in_another_way_and_another_format_says_nothing_new():
    found = read_zip({"2023.csv": table(ROWS[:20]), "2024.csv": table(ROWS[20:], " Text,LABEL")})
    assert found.frame[["text", "label"]].to_numpy().tolist() == ROWS
    lines = "\n".join(json.dumps({"text": text, "label": label}) for text, label in ROWS)
    found = read_zip({"d.csv": table(ROWS), "d.jsonl": lines})
    assert found.frame.to_numpy().tolist() == ROWS
    assert found.left_out == ("d.jsonl",)


def test_tables_that_differ_somewhere_are_no_copies():
    other = "text\tlabel\n" + "".join(f"{text}\tother\n" for text, _ in ROWS)
    assert len(read_zip({"d.csv": table(ROWS), "d.tsv": other}).frame) == 60


def test_a_list_of_what_the_classes_mean_is_not_the_table():
    rated = table([(f"{text}, {i}", str(i % 5)) for i, (text, _) in enumerate(ROWS * 4)], "review,rating")
    meant = table([(f"what it means to be number {i}", f"class {i}") for i in range(40)], "description,category")
    assert read_zip({"a.csv": meant, "b.csv": rated}).sheet == "b.csv"


def test_sheets_with_a_name_that_comes_twice_are_not_mixed_up():
    left = [["Comment", "Topic", "Comment"], *([text, label, "x"] for text, label in ROWS[:20])]
    right = [["Topic", "Comment", "Comment"], *([label, text, "y"] for text, label in ROWS[20:])]
    assert read_book({"a": (left, False), "b": (right, False)}).sheet == "a"


def test_a_longer_list_is_not_the_table():
    unlabelled = table([(f"{text}, {i}", "9") for i, (text, _) in enumerate(ROWS * 3)], "text,id")
    assert read_zip({"test.csv": unlabelled, "train.csv": table(ROWS)}).sheet == "train.csv"
    codes = [["Code", "Meaning"], *([f"C{i}", f"what the code means {i}"] for i in range(90))]
    assert read_book({"Codes": (codes, False), "Data": ([["text", "label"], *ROWS], False)}).sheet == "Data"


def test_a_sheet_with_a_column_more_belongs_to_the_table_and_what_does_not_is_said():
    rows = [[f"a text about thing {i}, short", ["good", "bad"][i % 2], "x"] for i in range(30)]
    months = {
        name: ([["text", "label", "checked"][:width], *(row[:width] for row in rows)], False)
        for name, width in (("Jan", 2), ("Feb", 3), ("Mar", 2))
    }
    codes = [["code", "meaning"], ["g", "good"], ["b", "bad"]]
    found = read_book({**months, "Codes": (codes, False)})
    assert found.columns == ["text", "label", "sheet"] and len(found.frame) == 90
    assert found.frame["text"].tolist() == [row[0] for row in rows] * 3
    assert found.left_out == ("Codes",)


def test_tables_in_a_folder_beside_a_readme_are_no_classes():
    files = {
        f"set/{name}_labelled.txt": "".join(f"a text from {name}, number {i}\t{i % 2}\n" for i in range(60))
        for name in ("shop", "films", "food")
    }
    found = read_zip({**files, "set/readme.txt": "Collected in 2015.\n\nPlease cite the paper."})
    assert len(found.frame) == 180 and set(found.frame["file"]) == {
        "shop_labelled",
        "films_labelled",
        "food_labelled",
    }
    assert found.left_out == ("set/readme.txt",)


def test_sheets_may_have_their_columns_in_another_order_or_none_with_a_name():
    turned = [["LABEL ", "Text"], *([label, text] for text, label in ROWS[20:])]
    found = read_book({"a": ([["text", "label"], *ROWS[:20]], False), "b": (turned, False)})
    assert found.frame[["text", "label"]].to_numpy().tolist() == ROWS
    bare = {name: ([[text] for text, one in ROWS if one == name], False) for name in ("good", "bad")}
    assert sorted(read_book(bare).frame.to_numpy().tolist()) == sorted(ROWS)


@pytest.mark.parametrize("above", [[], ["Survey of May"]])
@pytest.mark.parametrize("down", [False, True])
def test_names_in_two_rows_are_put_together(above, down):
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet, top = book.add_worksheet(), len(above)
        for row, title in enumerate(above):
            sheet.merge_range(row, 0, row, 3, title)
        for column, name in enumerate(["id", "review"]):
            sheet.write(top, column, name)
            if down:
                sheet.merge_range(top, column, top + 1, column, name)
        sheet.merge_range(top, 2, top, 3, "rated")
        sheet.write_row(top + 1, 2, ["overall", "topic"])
        for number, (text, label) in enumerate(ROWS):
            sheet.write_row(top + 2 + number, 0, [str(number), text, label, "ab"[number % 2]])
    found = read_bytes(out.getvalue(), "x.xlsx")
    assert found.columns == ["id", "review", "rated overall", "rated topic"]
    assert found.frame[["review", "rated overall"]].to_numpy().tolist() == ROWS


def test_the_order_of_columns_may_differ_and_a_column_of_that_name_is_kept():
    turned = "label,text\n" + "".join(f'{label},"{text}"\n' for text, label in ROWS[20:])
    assert read_zip({"a.csv": table(ROWS[:20]), "b.csv": turned}).frame["label"].isin(["good", "bad"]).all()
    named = [f"{line},f{i}" if i else line + ",file" for i, line in enumerate(table(ROWS).splitlines())]
    found = read_zip({"a.csv": "\n".join(named), "b.csv": "\n".join(named)}).frame
    assert set(found["file"]) == {f"f{i}" for i in range(1, 31)}
    assert set(found["file in the archive"]) == {"a", "b"}


def test_files_of_lines_become_a_class_each():
    texts = [text.replace(",", "") for text, _ in ROWS]
    found = read_zip({"r/r.pos": "\n".join(texts[:15]), "r/r.neg": "\n".join(texts[15:]), "r.README.txt": "Intro"})
    assert found.frame["file"].value_counts().to_dict() == {"pos": 15, "neg": 15}


def test_of_several_tables_the_main_one_is_taken_and_another_can_be_chosen():
    files = {
        "train.csv": table(ROWS, "text,target"),
        "sample.csv": "id,target\n" + "".join(f"{i},0\n" for i in range(9)),
    }
    found = read_zip(files)
    assert (found.sheet, found.sheets, len(found.frame)) == ("train.csv", ("train.csv", "sample.csv"), 30)
    assert found.left_out == ("sample.csv",)
    assert len(read_zip(files, sheet="sample.csv").frame) == 9


@pytest.mark.parametrize("pattern, split", [
    ("{label}/{i}.txt", False), ("d/{label}/{i}.txt", False), ("d/{split}/{label}/{i}.txt", True),
    ("d/{label}/{split}/{i}.txt", True), ("{label}/{i}.eml", False), ("{label}/50{i}", False), ("{label}\\{i}.txt", False),
])  # fmt: skip
def test_texts_in_folders_named_after_their_class(pattern, split):
    files = {
        pattern.format(label=label, i=i, split="train" if i < 20 else "test"): text for i, (text, label) in enumerate(ROWS)
    }
    found = read_zip({**files, "README.txt": "about it"})
    assert sorted(found.frame[["text", "label"]].to_numpy().tolist()) == sorted(ROWS)
    assert ("split" in found.columns) == split


def test_an_empty_text_and_a_picture_among_texts():
    files = {f"{label}/{i}.txt": text for i, (text, label) in enumerate(ROWS)}
    found = read_zip({**files, "good/empty.txt": "", "good/cover.jpg": "\xff\xd8"})
    assert len(found.frame) == 31
    assert (found.frame["text"] == "").sum() == 1


def test_sheets_with_the_same_columns_are_put_together_and_hidden_ones_left_out():
    head = [["text", "label"]]
    sheets = {
        "train": (head + ROWS[:20], False),
        "test": (head + ROWS[20:], False),
        "lists": (head + ROWS * 9, True),
    }
    found = read_book(sheets)
    assert found.frame["sheet"].value_counts().to_dict() == {"train": 20, "test": 10}
    assert propose(found.frame).split == "sheet"
    assert len(read_book({"a": (head + ROWS[:20], False), "b": (head + ROWS[20:], False)}, sheet="b").frame) == 10


def test_a_sheet_of_notes_is_not_the_table():
    notes = [[f"Note {i}: explanation of the annotation"] for i in range(60)]
    found = read_book({"README": (notes, False), "data": ([["text", "label"], *ROWS], False)})
    assert (found.sheet, len(found.frame)) == ("data", 30)


def test_a_csv_file_that_was_opened_with_the_wrong_separator():
    found = read_book({"x": ([[line] for line in table(ROWS).splitlines()], False)})
    assert found.frame.to_numpy().tolist() == ROWS


@pytest.mark.parametrize("top, left", [(0, 0), (3, 2)])
def test_a_label_merged_over_several_rows_is_the_label_of_all(top, left):
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        sheet.write_row(top, left, ["text", "label"])
        for number in range(24):
            sheet.write(top + 1 + number, left, f"a text about thing {number}, short")
        for group in range(6):
            first = top + 1 + 4 * group
            sheet.merge_range(first, left + 1, first + 3, left + 1, ["good", "bad", "so"][group % 3])
        sheet.merge_range(top + 40, left + 9, top + 44, left + 9, "")  # formatted, and outside of all that is filled
    table = read_bytes(out.getvalue(), "x.xlsx")
    assert table.frame["label"].tolist() == [["good", "bad", "so"][number // 4 % 3] for number in range(24)]
    assert len(set(table.frame["text"])) == 24


def test_names_that_come_again_in_a_sheet_are_listed():
    head = [["text", "label"]]
    found = read_book({"x": (head + ROWS[:5] + head + ROWS[5:], False)})
    assert found.frame.to_numpy().tolist() == ROWS
    assert [one.line for one in found.rejected] == [7]


@pytest.mark.parametrize("files, code, words", [
    ({"Index/Document.iwa": "x" * 99, "Index/Tables.iwa": "x"}, "not_a_table", "Apple"),
    ({"[Content_Types].xml": "x", "word/document.xml": "x"}, "not_a_table", "Word"),
    ({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "x"}, "not_a_table", "text document"),
    ({"a.pdf": "%PDF-1.4", "b.pdf": "%PDF-1.4"}, "not_a_table", "PDF"),
])  # fmt: skip
def test_other_documents_are_called_by_their_name(files, code, words):
    with pytest.raises(DataError, match=words) as refusal:
        read_zip(files)
    assert refusal.value.code == code


@pytest.mark.parametrize("named", ["texts/{}.txt", "{}.txt", "{}", "texts\\{}.txt"])
def test_texts_that_a_table_of_labels_names_belong_to_its_rows(named):
    files = {f"corpus/texts/{i:03}.txt": f"{text}\nand more" for i, (text, _) in enumerate(ROWS)}
    labels = "\n".join(["file,label", *(f"{named.format(f'{i:03}')},{label}" for i, (_, label) in enumerate(ROWS))])
    found = read_zip({"corpus/labels.csv": labels + "\nlost.txt,good\n", "corpus/README.txt": "about", **files})
    roles = propose(found.frame)
    assert (roles.text, roles.label) == ("text", "label")
    assert found.frame["text"].tolist() == [*(f"{text}\nand more" for text, _ in ROWS), ""]
    assert found.left_out == ("corpus/README.txt",)


@pytest.mark.parametrize("taken, name", [
    (["text"], "text of the file"), (["text", "text of the file", "content"], "text of the file (6)"),
])  # fmt: skip
def test_texts_beside_a_table_take_no_name_that_is_there(taken, name):
    files = {f"t/{i}.txt": f"{text} here" for i, (text, _) in enumerate(ROWS)}
    lines = [",".join([f"{i}.txt", label, *["so"] * len(taken)]) for i, (_, label) in enumerate(ROWS)]
    found = read_zip({"t.csv": "\n".join([",".join(["file", "label", *taken]), *lines]), **files})
    assert found.columns == ["file", "label", *taken, name]
    assert found.frame[name].tolist() == [f"{text} here" for text, _ in ROWS]


def test_tables_put_together_take_no_name_that_is_there():
    taken = ["file", "file in the archive", "file (of the archive)"]
    lines = [f'"{text}",{label},x,y,z' for text, label in ROWS]
    files = {
        f"{name}.csv": "\n".join([",".join(["text", "label", *taken]), *part])
        for name, part in (("a", lines[:15]), ("b", lines[15:]))
    }
    found = read_zip(files)
    assert found.columns[:5] == ["text", "label", *taken]
    assert found.frame[found.columns[5]].tolist() == ["a"] * 15 + ["b"] * 15


def test_texts_beside_a_table_that_names_none_of_them_are_left_out():
    found = read_zip({"d.csv": table(ROWS), "a.txt": "one", "b.txt": "two"})
    assert found.columns == ["text", "label"]
    assert set(found.left_out) == {"a.txt", "b.txt"}


def test_a_table_with_a_further_column_is_a_part_of_the_whole():
    more = "\n".join(["label,who,text", *(f'{label},me,"{text}"' for text, label in ROWS[20:])])
    found = read_zip({"a.csv": table(ROWS[:10]), "b.csv": table(ROWS[10:20]), "c.csv": more, "list.csv": "name\na\nb\n"})
    assert found.frame[["text", "label"]].to_numpy().tolist() == ROWS
    assert found.frame["file"].tolist() == ["a"] * 10 + ["b"] * 10 + ["c"] * 10
    assert found.left_out == ("list.csv",)


@pytest.mark.parametrize("column, values", [("sentiment", ["positive", "negative"]), ("split", ["train", "test"])])
def test_files_that_share_a_name_with_a_class_or_a_split_are_no_texts(column, values):
    lines = "\n".join([f"text,{column}", *(f'"{text}",{values[i % 2]}' for i, (text, _) in enumerate(ROWS))])
    found = read_zip({"reviews.csv": lines, **{f"{value}.txt": "good\nfine\nnice" for value in values}})
    assert found.columns == ["text", column]
    assert set(found.left_out) == {f"{value}.txt" for value in values}


def test_a_table_that_says_more_of_the_same_rows_is_taken_instead():
    some = table(ROWS)
    more = "\n".join(["text,label,who", *(f'"{text}",{label},me' for text, label in ROWS)])
    found = read_zip({"all.csv": some, "full.csv": more})
    assert (len(found.frame), found.columns) == (30, ["text", "label", "who"])
    half = "\n".join(["text,label,who", *(f'"{text}",{label},me' for text, label in ROWS[:15])])
    assert len(read_zip({"all.csv": some, "half.csv": half}).frame) == 30


def texts_beside(labels, folder="t"):
    return {
        "labels.csv": labels,
        **{f"{folder}/{i + 1}.txt": f"{text} here" for i, (text, _) in enumerate(ROWS)},
    }


def test_a_file_of_another_folder_is_not_the_text_of_a_row():
    labels = "\n".join(["path,label", *(f"{label}/{i + 1}.txt,{label}" for i, (_, label) in enumerate(ROWS))])
    files = {f"{label}/{i + 1}.txt": f"{text} here" for i, (text, label) in enumerate(ROWS) if i != 4}
    found = read_zip({"labels.csv": labels, **files, "other/5.txt": "of somebody else"})
    assert found.frame["text"][4] == ""
    assert found.frame["text"][5] == f"{ROWS[5][0]} here"


def test_a_running_number_is_not_the_name_of_a_file_where_another_column_has_it():
    order = [(i * 7) % 30 for i in range(30)]
    labels = "\n".join(["nr,doc,label", *(f"{at + 1},{i + 1},{ROWS[i][1]}" for at, i in enumerate(order))])
    assert read_zip(texts_beside(labels)).frame["text"].tolist() == [f"{ROWS[i][0]} here" for i in order]


def test_paths_from_elsewhere_capitals_and_missing_files_are_found_out():
    labels = "\n".join(["Path,label", *(f"/data/x/T/{i + 1}.TXT,{label}" for i, (_, label) in enumerate(ROWS))])
    files = {name: content for name, content in texts_beside(labels).items() if name not in ("t/2.txt", "t/9.txt")}
    found = read_zip(files).frame["text"].tolist()
    assert found == ["" if i in (1, 8) else f"{text} here" for i, (text, _) in enumerate(ROWS)]


def test_few_labelled_rows_are_the_table_and_many_without_labels_are_not():
    pool = "\n".join(["id,text", *(f"{i},a text about other things {i}" for i in range(300))])
    labelled = "\n".join(["id,text,label", *(f'{i},"{text}",{label}' for i, (text, label) in enumerate(ROWS))])
    sample = "\n".join(["id,label", *(f"{i},good" for i in range(300))])
    for others in ({}, {"sample.csv": sample}):
        for pool_columns in (pool, pool.replace("id,text", "source,text")):
            found = read_zip({"pool.csv": pool_columns, "labelled.csv": labelled, **others})
            assert (len(found.frame), found.columns) == (30, ["id", "text", "label"])
            assert set(found.left_out) == {"pool.csv", *others}


def test_tables_that_lack_a_column_which_is_no_label_are_part_of_the_whole():
    more = "\n".join(["text,label,who,when", *(f'"{text}",{label},me,now' for text, label in ROWS[:15])])
    found = read_zip({"a.csv": more, "b.csv": table(ROWS[15:])})
    assert found.frame[["text", "label"]].to_numpy().tolist() == ROWS
    assert found.frame["who"].tolist() == ["me"] * 15 + [""] * 15
