import pytest

from tests.engine.runs.helpers import submit, wait


@pytest.fixture
def word_counting(workspace, easy):
    """A finished run that counted words: the quickest there is."""
    return wait(workspace, submit(workspace, easy, "tfidf").id)
