"""What transformers works out once in a process before it opens a BERT; imported before forking, every fork has it."""

from transformers import (  # noqa: F401
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
)
from transformers.conversion_mapping import get_checkpoint_conversion_mapping

get_checkpoint_conversion_mapping("bert")  # compiles 900 regular expressions
