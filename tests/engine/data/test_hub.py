"""Data sets of the hub, against a server on this machine that answers as the hub does."""

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine.data import hub, workbench
from engine.data.datasets import load_rows, save
from engine.data.reading import Options
from engine.data.recipe import Recipe
from engine.errors import DataError
from tests.hub_standin import BIG, CONVERTED, COPY, MAIN, REPOS, point_to

ROOT = Path(__file__).parents[3]


def rows(path) -> list[dict]:
    return pq.read_table(path).to_pylist()


def refusal(action) -> DataError:
    with pytest.raises(DataError) as caught:
        action()
    assert caught.value.message.endswith(".")
    assert "{" not in str(caught.value)
    return caught.value


def test_what_is_in_a_data_set_is_told_before_anything_is_downloaded(hub_server):
    found = hub.look_up("me/mood")
    files = REPOS["me/mood"][CONVERTED]
    sizes = {file: len(content) for file, content in files.items()}
    assert found.revision == COPY
    assert found.configs == ["default", "long"]
    assert found.splits("default") == ["test", "train"]
    both = sum(size for file, size in sizes.items() if file.startswith("default/"))
    assert found.bytes("default", ["train", "test"]) == both
    assert found.bytes("default", ["test"]) == sizes["default/test/0000.parquet"]
    assert [part.partial for part in found.parts] == [False, False, True]
    assert found.parts[2].files == ("long/partial-train/0000.parquet", "long/train-part1/0000.parquet")
    assert not any("resolve" in path for path, *_ in hub_server.asked)


@pytest.mark.parametrize("text", [" me/mood ", "https://huggingface.co/datasets/me/mood", "datasets/me/mood/",
                                  "https://hf.co/datasets/me/mood/viewer/default/train?row=3#x", "hf://datasets/me/mood",
                                  "huggingface.co/datasets/me/mood/tree/main"])  # fmt: skip
def test_a_pasted_address_is_reduced_to_the_name(hub_server, text):
    assert hub.look_up(text).name == "me/mood"


def test_a_name_without_an_owner_is_reduced_too():
    assert hub._name_in("https://huggingface.co/datasets/squad/viewer") == "squad"
    assert hub._name_in("https://huggingface.co/datasets/squad") == hub._name_in("squad") == "squad"


def test_splits_become_one_file_with_class_names(hub_server, tmp_path):
    target, said = tmp_path / "new folder" / "mood.parquet", []
    found = hub.look_up("me/mood")
    hub.fetch(found, "default", ["train", "test"], target, lambda done, total: said.append((done, total)))
    assert sorted((row["text"], row["label"], row["split"]) for row in rows(target)) == [
        ("a", "sad", "train"), ("b", "glad", "train"), ("c", None, "train"), ("d", "glad", "train"), ("t", None, "test"),
    ]  # fmt: skip
    assert rows(target)[0]["tags"] == ["x"]
    assert b"huggingface" not in (pq.read_schema(target).metadata or {})
    total = found.bytes("default", ["train", "test"])
    assert said == sorted(said)
    assert said[0] == (0, total)
    assert said[-1] == (total, total)
    assert list(target.parent.iterdir()) == [target]


def test_only_what_was_asked_for_is_downloaded_at_the_exact_revision(hub_server, tmp_path):
    hub.fetch(hub.look_up("me/mood"), "default", ["test"], tmp_path / "t.parquet")
    downloads = [path for path, *_ in hub_server.asked if path.startswith("/datasets/")]
    assert downloads == [f"/datasets/me/mood/resolve/{COPY}/default/test/0000.parquet"]


def test_the_token_goes_to_the_hub_and_nowhere_else(hub_server, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "agreed")
    found = hub.look_up("me/gated")
    hub.fetch(found, "default", ["train"], tmp_path / "t.parquet")
    told = {(host.partition(":")[0], token) for _, host, token in hub_server.asked}
    assert told == {("127.0.0.1", "Bearer agreed"), ("localhost", None)}
    assert "agreed" not in repr(found)


def test_without_a_parquet_copy_the_own_files_are_taken(hub_server, tmp_path):
    found = hub.look_up("https://huggingface.co/datasets/me/own")
    assert (found.revision, found.configs, found.splits("default")) == (
        MAIN,
        ["default"],
        ["train", "validation"],
    )
    assert found.parts[0].files == ("data/train.jsonl", "data/more.jsonl")
    hub.fetch(found, "default", ["train", "validation"], tmp_path / "t.parquet")
    assert [(row["text"], row["label"], row["note"], row["split"]) for row in rows(tmp_path / "t.parquet")] == [
        ("a", "1", None, "train"), ("b", "2", None, "train"), ("d", "4", None, "train"), ("c", "3", "n", "validation"),
    ]  # fmt: skip
    assert [part.files for part in hub.look_up("me/both").parts] == [("test-00000-of-00001.parquet",)]


def test_files_are_put_to_the_splits_that_their_names_say_in_any_word_for_them(hub_server):
    found = {part.split: part.files for part in hub.look_up("me/words").parts}
    assert found == {
        "train": ("data/training.csv",), "validation": ("data/eval.csv",), "test": ("data/holdout.csv",),
    }  # fmt: skip


def test_a_column_called_split_is_kept(hub_server, tmp_path):
    hub.fetch(hub.look_up("me/split"), "default", ["train"], tmp_path / "t.parquet")
    assert rows(tmp_path / "t.parquet") == [{"text": "a", "split": "fold 1", "hub_split": "train"}]


def test_pictures_are_left_out(hub_server, tmp_path):
    found = hub.look_up("me/pictures")
    hub.fetch(found, "default", ["train"], tmp_path / "t.parquet")
    assert rows(tmp_path / "t.parquet") == [{"text": "a", "split": "train"}]
    assert refusal(lambda: hub.fetch(found, "only", ["train"], tmp_path / "u.parquet")).code == "no_table"


def test_files_with_different_columns_fit_together_or_are_refused(hub_server, tmp_path):
    found = hub.look_up("me/unlike")
    hub.fetch(found, "default", ["train", "test"], tmp_path / "t.parquet")
    assert rows(tmp_path / "t.parquet") == [
        {"text": "a", "label": 1, "more": "m", "split": "train"},
        {"text": "b", "label": 2, "more": None, "split": "test"},
    ]
    odd = refusal(lambda: hub.fetch(found, "default", ["train", "odd"], tmp_path / "u.parquet"))
    assert odd.code == "mixed_columns"
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


@pytest.mark.parametrize("name, code, says", [
    ("", "bad_name", "owner/name"), ("my data", "bad_name", "owner/name"), ("../etc", "bad_name", "owner/name"),
    ("https://huggingface.co/me/model", "bad_name", "owner/name"), ("a/b/c", "bad_name", "owner/name"),
    ("me/nothing", "no_such_dataset", "private"), ("me/closed", "gated", "agreed to its terms"),
    ("me/gated", "gated", "agreed to its terms"), ("me/badtoken", "not_allowed", "token"),
    ("me/down", "hub_error", "500"), ("me/programs", "no_table", "no table")])  # fmt: skip
def test_what_the_hub_refuses_or_we_do_is_a_sentence(hub_server, name, code, says):
    error = refusal(lambda: hub.look_up(name))
    assert error.code == code
    assert name in error.message
    assert says in str(error)


def test_a_hub_that_cannot_be_reached_is_a_sentence(monkeypatch):
    point_to("http://127.0.0.1:9", monkeypatch)
    error = refusal(lambda: hub.look_up("me/mood"))
    assert error.code == "hub_unreachable"
    assert "cannot be reached" in error.message


def test_an_answer_that_is_not_the_hubs_is_a_sentence(hub_server, monkeypatch):
    """Such as the sign-in page of a hotel."""
    monkeypatch.setattr(json, "dumps", lambda info: "<html>Welcome</html>")
    assert refusal(lambda: hub.look_up("me/mood")).code == "hub_unreachable"


@pytest.mark.parametrize("config, splits", [("default", ["train", "dev"]), ("none", ["train"]), ("default", [])])
def test_a_split_that_is_not_there_is_a_sentence(hub_server, tmp_path, config, splits):
    found = hub.look_up("me/mood")
    error = refusal(lambda: hub.fetch(found, config, splits, tmp_path / "t.parquet"))
    assert error.code == "no_such_split"
    assert ("test, train" if config == "default" else "default, long") in str(error)


def test_a_full_disk_is_told_before_the_download(hub_server, tmp_path, monkeypatch):
    found = hub.look_up("me/big")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1))
    error = refusal(lambda: hub.fetch(found, "default", ["train"], tmp_path / "t.parquet"))
    assert error.code == "disk_full"
    assert f"{(2 * found.bytes('default', ['train']) + hub.ROOM) / 1e6:.0f} MB" in error.message
    assert hub_server.count == 0


@pytest.mark.parametrize("number", [errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)])
def test_a_disk_that_fills_up_on_the_way_is_the_same_sentence(hub_server, tmp_path, monkeypatch, number):
    def no_room(*args):
        raise OSError(number, "No space left on device")

    found = hub.look_up("me/split")
    monkeypatch.setattr(hub, "_fitted", no_room)
    assert refusal(lambda: hub.fetch(found, "default", ["train"], tmp_path / "t")).code == "disk_full"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_breaks_off_once_goes_on(hub_server, tmp_path, ranges):
    hub_server.cut, hub_server.ranges = {1}, ranges
    hub.fetch(hub.look_up("me/big"), "default", ["train"], tmp_path / "t.parquet")
    assert rows(tmp_path / "t.parquet") == [{"text": BIG, "split": "train"}]
    assert hub_server.count == 2


def test_a_download_that_keeps_breaking_off_leaves_nothing_and_keeps_what_was_there(hub_server, tmp_path):
    target = tmp_path / "t.parquet"
    target.write_bytes(b"as before")
    hub_server.cut = {1, 2, 3}
    error = refusal(lambda: hub.fetch(hub.look_up("me/big"), "default", ["train"], target))
    assert error.code == "download_broken"
    assert "default/train/0000.parquet" in error.message
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"as before"


def test_a_damaged_file_is_a_sentence_and_leaves_nothing(hub_server, tmp_path):
    found = hub.look_up("me/damaged")
    assert refusal(lambda: hub.fetch(found, "default", ["train"], tmp_path / "t.parquet")).code == "damaged"
    assert list(tmp_path.iterdir()) == []


def test_the_usual_variables_lead_to_the_hub_and_nothing_is_kept_at_home(hub_server, tmp_path):
    program = (
        "import sys; from pathlib import Path; from engine.data import hub;"
        "assert 'huggingface_hub' not in sys.modules;"
        "hub.fetch(hub.look_up('me/gated'), 'default', ['train'], Path(sys.argv[1]))"
    )
    home, target = tmp_path / "home", tmp_path / "t.parquet"
    home.mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "XDG_"))}
    environment |= {"HOME": str(home), "HF_ENDPOINT": hub_server.address, "HF_TOKEN": "agreed"}
    environment["HF_HUB_DISABLE_TELEMETRY"] = "1"  # as start.py does; else the client asks for more, and caches it
    done = subprocess.run([sys.executable, "-c", program, target], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert rows(target) == [{"text": "a", "split": "train"}]
    assert [path for path in home.rglob("*") if path.is_file()] == []
    assert Counter(token for *_, token in hub_server.asked) == {"Bearer agreed": 3, None: 1}


def test_from_a_name_on_the_hub_to_a_data_set(hub_server, workspace):
    key = workbench.keep_hub(workspace, hub.look_up("me/reviews"), "default", ["train", "test"])
    reading = workbench.read_step(key, Options())
    end = time.monotonic() + 60
    while not workbench.ensure(workspace, reading).done:  # a download is never done in the page's own time
        assert time.monotonic() < end
        time.sleep(0.05)
    roles = workbench.roles_of(workbench.facts_of(workspace, reading))
    assert (roles.text, roles.label, roles.split) == ("text", "label", "split")
    recipe = Recipe(text="text", label="label", split_by="column", split_column="split")
    drafting = workbench.draft_step(reading, recipe)
    assert workbench.ensure(workspace, drafting).done
    info = save(workspace, workbench.drafted(workspace, drafting, "reviews"))
    assert (info.labels, info.rows["test"]) == (["glad", "sad"], 20)
    assert len(load_rows(workspace, info.id)) == 100
