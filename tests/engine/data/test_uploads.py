import os
import time

import pytest

from engine.data.uploads import KEPT_SECONDS, keep_upload, read_upload
from engine.errors import NotFoundError
from tests.words import easy_csv


def test_an_upload_is_kept_under_its_hash_whatever_it_is_called(workspace):
    key = keep_upload(workspace, easy_csv(20).encode(), "../../evil.csv")
    assert workspace.upload(key).parent == workspace.root / "uploads"
    table = read_upload(workspace, key)
    assert table.name == "../../evil.csv"
    assert len(table.frame) == 20


def test_old_uploads_are_removed(workspace):
    old = keep_upload(workspace, b"text,label\na,b\n", "old.csv")
    before = time.time() - KEPT_SECONDS - 60
    for file in workspace.upload(old).parent.iterdir():
        os.utime(file, (before, before))
    keep_upload(workspace, easy_csv(20).encode(), "new.csv")
    with pytest.raises(NotFoundError, match="Upload it again"):
        read_upload(workspace, old)
