import shutil
import sqlite3
from contextlib import closing

import pytest
import streamlit as st

from engine.data.datasets import save
from engine.data.drafting import draft
from engine.data.reading import read_bytes
from engine.data.recipe import Recipe
from engine.paths import Workspace
from engine.runs import queue
from pages.parts import costs
from tests import words
from tests.engine.runs.helpers import submit, wait


@pytest.fixture(autouse=True)
def no_cache():
    """Workspaces of earlier tests are gone; so is what was cached of them."""
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(autouse=True)
def no_measurements(monkeypatch):
    """The Train page starts none behind the back of tests that are about something else."""
    monkeypatch.setattr(costs, "REST_SECONDS", 3600.0)


@pytest.fixture(scope="session")
def once_finished(tmp_path_factory, tiny_model):
    """A workspace with a finished run of the tiny model, to be copied."""
    workspace = Workspace.open(tmp_path_factory.mktemp("finished"))
    table = read_bytes(words.easy_csv(200).encode(), "easy.csv")
    info = save(workspace, draft(table, Recipe(text="text", label="label")))
    return workspace, wait(workspace, submit(workspace, info, tiny_model, epochs=4).id)


@pytest.fixture
def finished(workspace, once_finished):
    """A finished run of the tiny model in a workspace of the test's own."""
    original, run = once_finished
    shutil.copytree(original.root, workspace.root, ignore=shutil.ignore_patterns("tuneboard.db*"), dirs_exist_ok=True)
    with (
        closing(sqlite3.connect(original.database)) as store,
        closing(sqlite3.connect(workspace.database)) as copy,
    ):
        store.backup(copy)  # the worker may be closing its files just now
    return queue.get_run(workspace, run.id)
