"""Asks a model folder as a stranger would: with torch and transformers, and nothing of Tuneboard. python -I fresh.py

Reads one JSON object from the standard input, {"folder": …, "texts": […]}, and writes one to the standard output,
{"labels": [classes], "probabilities": [texts][classes]} or {"error": …}. The libraries are loaded before the question is
read, so that whoever will ask can start this process early.
"""

import gc
import json
import sys
import traceback

gc.disable()  # nothing of what is imported is garbage: to look for it takes a second, and another at the end
import torch  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,  # noqa: F401 (what every model stands on, and would import only when it is opened: 2 s)
)
from transformers.utils import logging  # noqa: E402

gc.freeze()
gc.enable()

AT_ONCE = 32
SAFE = {"local_files_only": True, "trust_remote_code": False}


def answers(folder: str, texts: list[str]) -> dict[str, list]:
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(folder, **SAFE)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, **SAFE
    ).eval()
    found = []
    for start in range(0, len(texts), AT_ONCE):
        batch = tokenizer(texts[start : start + AT_ONCE], padding=True, truncation=True, return_tensors="pt")
        batch.pop("token_type_ids", None)
        with torch.inference_mode():
            found += torch.softmax(model(**batch).logits, dim=-1).tolist()
    labels = [model.config.id2label[place] for place in range(model.config.num_labels)]
    return {"labels": labels, "probabilities": found}


def main() -> None:
    asked = sys.stdin.read()
    if not asked:
        return  # whoever wanted to ask is gone
    try:
        told: dict[str, object] = answers(**json.loads(asked))
    except Exception as error:  # whatever it is: told in a line, and in full in the log
        traceback.print_exc()
        told = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
