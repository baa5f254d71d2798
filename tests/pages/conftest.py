import pytest
import streamlit as st

from tests.engine.runs.helpers import submit, wait


@pytest.fixture(autouse=True)
def no_cache():
    """Workspaces of earlier tests are gone; so is what was cached of them."""
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def finished(workspace, easy, tiny_model):
    """A finished run of the tiny model."""
    return wait(workspace, submit(workspace, easy, tiny_model, epochs=4).id)
