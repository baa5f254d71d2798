import shutil
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pandas as pd
import pytest

from engine.data.datasets import (
    deleted,
    describe,
    first_rows,
    list_datasets,
    load_info,
    load_others,
    load_rows,
    remove,
    restore,
    rows_digest,
    save,
)
from engine.data.drafting import draft
from engine.data.reading import read_bytes
from engine.data.recipe import Recipe
from engine.errors import DataError, NotFoundError, WorkspaceError
from engine.runs import space
from tests.words import easy_csv, easy_texts

RECIPE = Recipe(text="text", label="label")


def table(text=None, name="easy.csv"):
    return read_bytes((text or easy_csv(100)).encode(), name)


def test_what_is_saved_is_found_again(workspace):
    info = save(workspace, draft(table(), RECIPE), description="from the shop")
    assert list_datasets(workspace) == [info]
    assert info.description == "from the shop"
    assert sum(info.rows.values()) == info.total == 100
    rows = load_rows(workspace, info.id)
    assert set(zip(rows["text"], rows["label"], strict=True)) == set(easy_texts(100))
    assert sorted(rows["source_row"]) == list(range(1, 101))
    assert Recipe(**info.recipe) == RECIPE


def test_the_same_rows_have_the_same_id_and_the_same_test_rows(workspace):
    first, second = (save(workspace, draft(table(), RECIPE, name=name)) for name in ("one", "two"))
    assert first == second
    assert len(list_datasets(workspace)) == 1


def test_tabs_that_save_the_same_rows_at_once_all_get_the_same_data_set(workspace):
    drafts, together = [draft(table(), RECIPE) for _ in range(4)], Barrier(4)

    def save_at_once(drafted):
        together.wait()
        return save(workspace, drafted)

    with ThreadPoolExecutor(4) as tabs:
        infos = list(tabs.map(save_at_once, drafts))
    assert len({info.id for info in infos}) == 1
    assert [path.name for path in (workspace.root / "datasets").iterdir()] == [infos[0].id]
    assert len(load_rows(workspace, infos[0].id)) == 100


def test_one_label_is_refused_and_nothing_is_saved(workspace):
    drafted = draft(table("text,label\n" + "".join(f"text {i} here,same\n" for i in range(30))), RECIPE)
    with pytest.raises(DataError, match="at least two different labels"):
        save(workspace, drafted)
    assert list_datasets(workspace) == []
    assert list((workspace.root / "datasets").iterdir()) == []


def test_what_was_left_out_or_mended_stays_with_the_data_set(workspace):
    content = easy_csv(50) + ",good\nsome words,\n" + easy_csv(3).split("\n", 1)[1]
    drafted = draft(table(content), RECIPE.model_copy(update={"remedies": ("drop_duplicates",)}))
    notes = save(workspace, drafted).notes
    assert "1 row without a text. They were left out." in notes
    assert "1 row without a label. They were left out." in notes
    assert "3 repeated rows were left out." in notes


def test_a_version_points_at_what_it_came_from_and_outlives_it(workspace):
    first = save(workspace, draft(table(), RECIPE, name="mails"))
    fewer = RECIPE.model_copy(update={"edits": {1: "", 2: ""}})
    second = save(workspace, draft(table(), fewer, name="mails"), parent=first.id)
    assert (second.parent, second.version, second.title) == (first.id, 2, "mails (version 2)")
    remove(workspace, first.id)
    assert list_datasets(workspace) == [second]
    assert len(load_rows(workspace, second.id)) == 98


def test_what_was_deleted_can_be_put_back_until_the_trash_is_emptied(workspace):
    info = describe(workspace, save(workspace, draft(table(), RECIPE)).id, name="mine", description="why")
    rows = load_rows(workspace, info.id)
    remove(workspace, info.id)
    assert list_datasets(workspace) == [] and deleted(workspace) == [info]
    space.empty_trash(workspace, older_than=space.TRASH_DAYS)
    assert restore(workspace, info.id) == info and deleted(workspace) == []
    assert load_rows(workspace, info.id).equals(rows)
    remove(workspace, info.id)
    taken = space.by_kind(workspace)
    assert taken["trash"] > info.file_bytes and taken["datasets"] < 10_000
    assert space.empty_trash(workspace) > info.file_bytes
    assert deleted(workspace) == []
    with pytest.raises(NotFoundError, match="no data set"):
        restore(workspace, info.id)


def test_the_trash_may_be_emptied_twice_at_once_and_looked_at_meanwhile(workspace):
    info = save(workspace, draft(table(), RECIPE))
    remove(workspace, info.id)
    for number in range(100):
        shutil.copytree(workspace.deleted_dataset(info.id).folder, workspace.trash / f"aaaaaa{number:03}")
    size = sum(map(space.taken, workspace.trash.iterdir()))
    with ThreadPoolExecutor(4) as pool:
        looks = [pool.submit(deleted, workspace) for _ in range(8)]
        freed = [pool.submit(space.empty_trash, workspace) for _ in range(4)]
        assert {one.id for look in looks for one in look.result()} <= {info.id}
        assert sum(one.result() for one in freed) == size
    assert not list(workspace.trash.iterdir()) and not list(workspace.root.glob("*.part"))


def test_the_same_rows_may_be_saved_and_deleted_again_beside_those_in_the_trash(workspace):
    first = save(workspace, draft(table(), RECIPE))
    remove(workspace, first.id)
    again = save(workspace, draft(table(), RECIPE))
    assert restore(workspace, first.id) == again and deleted(workspace) == []
    remove(workspace, again.id)
    save(workspace, draft(table(), RECIPE))
    remove(workspace, again.id)
    assert [one.id for one in deleted(workspace)] == [first.id]


def test_another_name_and_description_change_nothing_else(workspace):
    before = save(workspace, draft(table(), RECIPE))
    after = describe(workspace, before.id, name=" other ", description="why")
    assert (after.name, after.description, after.id) == ("other", "why", before.id)
    assert load_info(workspace, before.id) == after
    with pytest.raises(DataError, match="needs a name"):
        describe(workspace, before.id, name="  ", description="")


def test_the_first_rows_of_a_split_are_those_of_the_whole(workspace):
    info = save(workspace, draft(table(), RECIPE))
    whole = load_rows(workspace, info.id, "test")
    assert first_rows(workspace, info.id, 5, "test").equals(whole.head(5))
    assert first_rows(workspace, info.id, 500, "test").equals(whole)


def test_the_hash_is_of_the_content_and_not_of_how_it_lies_in_memory():
    rows = pd.DataFrame({"text": ["ab", "c", "dd"], "n": [1, 2, 3]})
    longer = pd.concat([pd.DataFrame({"text": ["x"], "n": [0]}), rows]).iloc[1:]
    assert rows_digest(rows) == rows_digest(longer)
    assert rows_digest(rows) != rows_digest(rows.assign(text=["a", "bc", "dd"]))
    assert rows_digest(rows) != rows_digest(rows.assign(n=[1, 2, 4]))


@pytest.mark.parametrize("record", ["{", '{"id": "abc", "unheard_of": 1}', "[1]"])
def test_one_damaged_record_hides_no_other_data_set_and_is_said_so(workspace, record):
    first, second = (save(workspace, draft(table(easy_csv(100, seed=seed)), RECIPE)) for seed in (0, 1))
    workspace.dataset(first.id).info.write_text(record, encoding="utf-8")
    assert list_datasets(workspace) == [second]
    with pytest.raises(WorkspaceError, match=r"damaged|cannot be read"):
        load_info(workspace, first.id)
    remove(workspace, second.id)
    workspace.dataset(first.id).folder.rename(workspace.trash / first.id)
    assert deleted(workspace) == [second]


def test_a_data_set_that_is_gone_is_said_so(workspace):
    for act in (load_info, load_rows, remove):
        with pytest.raises(NotFoundError, match="no data set"):
            act(workspace, "abcdef123456")


@pytest.mark.parametrize("read", [load_rows, load_others, lambda *of: first_rows(*of, 5)])
def test_a_data_set_whose_rows_are_damaged_or_vanish_is_said_so(workspace, read):
    info = save(workspace, draft(table(), RECIPE))
    path = workspace.dataset(info.id).rows
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match="'easy' cannot be read") as damaged:
        read(workspace, info.id)
    assert "their file is damaged" in damaged.value.message and "arquet" not in damaged.value.message
    assert "save it again" in damaged.value.action
    path.unlink()
    with pytest.raises(NotFoundError, match="no data set"):
        read(workspace, info.id)
