from pathlib import Path

import pytest

from tests.engine.runs.helpers import submit, wait
from tests.engine.serving import empty


@pytest.fixture
def word_counting(workspace, easy):
    """A finished run that counted words: the quickest there is."""
    return wait(workspace, submit(workspace, easy, "tfidf").id)


@pytest.fixture(scope="session")
def with_torch(tmp_path_factory) -> Path:
    """The python of an environment with only what predict.py says that it needs."""
    return empty.environment(tmp_path_factory.mktemp("torch"), "torch", "transformers")


@pytest.fixture(scope="session")
def without_torch(tmp_path_factory) -> Path:
    """The same for predict_onnx.py."""
    return empty.environment(tmp_path_factory.mktemp("onnx"), "onnxruntime", "tokenizers", "numpy")


@pytest.fixture(scope="session")
def bare(tmp_path_factory) -> Path:
    """The same for a model that counts words, which needs nothing but Python."""
    return empty.environment(tmp_path_factory.mktemp("bare"))
