import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import NotFoundError, WorkspaceError
from engine.paths import Workspace, read_json, write_json


@given(st.text(max_size=30))
def test_no_text_leads_out_of_the_workspace(tmp_path_factory, text):
    workspace = Workspace(tmp_path_factory.getbasetemp())
    for place in (workspace.run, workspace.dataset):
        try:
            folder = place(text).folder
        except NotFoundError:
            continue
        assert folder.parent.parent == workspace.root
        assert folder.name == text


@pytest.mark.parametrize("text", ["../../etc", "..", "a/b", "/etc/passwd", "abc\0def", "", "ABCDEF", "abcdef\n"])
def test_what_is_no_id_is_refused(workspace, text):
    with pytest.raises(NotFoundError):
        workspace.run(text)


def test_a_workspace_that_cannot_be_written_is_said_so(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(WorkspaceError, match="cannot write there"):
        Workspace.open(tmp_path / "file" / "workspace")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such rights")
def test_nobody_else_may_look_into_a_workspace_unless_its_folder_was_there(tmp_path):
    (tmp_path / "shared").mkdir(mode=0o755)
    assert stat.S_IMODE(Workspace.open(tmp_path / "mine").root.stat().st_mode) == 0o700
    assert stat.S_IMODE(Workspace.open(tmp_path / "shared").root.stat().st_mode) == 0o755


@pytest.mark.parametrize(
    "full",
    [OSError(28, "No space left on device"), OSError(getattr(errno, "EDQUOT", 28), "Disk quota exceeded")],
)
def test_a_json_file_is_replaced_whole(tmp_path, monkeypatch, full):
    path = tmp_path / "value.json"
    write_json(path, {"a": 1})
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(full))
    with pytest.raises(WorkspaceError, match="disk is full"):
        write_json(path, {"a": 2})
    assert path.read_text() == '{\n "a": 1\n}'
    assert list(tmp_path.iterdir()) == [path]


def test_two_who_write_the_same_file_do_not_get_into_each_other_s_way(tmp_path):
    path = tmp_path / "value.json"
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: write_json(path, {"a": number}), range(200)))
    assert read_json(path)["a"] in range(200) and list(tmp_path.iterdir()) == [path]
