"""Which architectures can become a classifier, and what else they can, told without transformers, which takes seconds."""

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

# Its classifier reads the last token of a row, be it text or what the row is filled up with.
UNFIT = {"xlnet"}
# Their classifiers answer from the first token of a text, which heads.head_logits asks for.
READ_FIRST = {
    "bert", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "camembert", "electra", "distilbert",
    "modernbert", "deberta", "deberta-v2", "mpnet", "ernie", "esm", "data2vec-text", "ibert", "megatron-bert", "mobilebert",
    "rembert", "roformer", "convbert", "squeezebert", "nystromformer", "big_bird", "fnet", "nomic_bert", "gte",
}  # fmt: skip
NOT_BY_FIRST = "works only with models that classify by the first token of a text; this {} model does not."
ONLY_BERT = "works only with BERT models; this is a {} model."
NONE_FOR_LORA = "LoRA has no layer left to train: freeze fewer, or choose another method."


def check(model_type: object, called: str) -> None:
    """Raises ModelError unless transformers can put a classifier on a model of this type, such as 'bert'."""
    if model_type not in classifiable() - UNFIT:
        kind = f"of the architecture {model_type!r}" if model_type else "without a named architecture"
        raise ModelError(
            f"{called} is a model {kind}, which cannot be made into a classifier of texts.",
            "Choose a model such as BERT, DistilBERT, ModernBERT, DeBERTa or XLM-RoBERTa.",
            "wrong_architecture",
        )


def reads_first(model_type: object, pooling: object = None) -> bool:
    """Whether a classifier answers from the first token of each text. pooling: classifier_pooling of its config.json."""
    return model_type in READ_FIRST and pooling in (None, "cls")


def lacks_layers(layers: int, asked: int) -> str:
    """The sentence on a setting that speaks of more layers than the model has."""
    return f"must be at most {layers}, the number of layers; it is {asked}."


@cache
def classifiable() -> frozenset[str]:
    """The names in transformers' own table, read from its source."""
    package = importlib.util.find_spec("transformers").submodule_search_locations[0]
    source = Path(package, "models", "auto", "modeling_auto.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == TABLE:
            return frozenset(pair.elts[0].value for pair in node.value.args[0].elts)
    raise LookupError(TABLE)
