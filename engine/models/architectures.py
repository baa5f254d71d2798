"""Which architectures can become a classifier, told without importing transformers, which takes seconds."""

import ast
import importlib.util
from functools import cache
from pathlib import Path

from engine.errors import ModelError

TABLE = "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES"
# These number the places of tokens from the padding's number on, so that they read that many tokens fewer.
COUNT_FROM_PADDING = {
    "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "camembert", "longformer", "data2vec-text",
    "mpnet", "ibert", "luke", "markuplm", "esm",
}  # fmt: skip


def check(model_type: object, called: str) -> None:
    """Raises ModelError unless transformers can put a classifier on a model of this type, such as 'bert'."""
    if model_type not in classifiable():
        kind = f"of the architecture {model_type!r}" if model_type else "without a named architecture"
        raise ModelError(
            f"{called} is a model {kind}, which cannot be made into a classifier of texts.",
            "Choose a model such as BERT, DistilBERT, ModernBERT, DeBERTa or XLM-RoBERTa.",
            "wrong_architecture",
        )


@cache
def classifiable() -> frozenset[str]:
    """The names in transformers' own table, read from its source."""
    package = importlib.util.find_spec("transformers").submodule_search_locations[0]
    source = Path(package, "models", "auto", "modeling_auto.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == TABLE:
            return frozenset(pair.elts[0].value for pair in node.value.args[0].elts)
    raise LookupError(TABLE)
