# ruff: noqa: E402, F811 (each cell stands for itself)
"""The cells of a notebook that repeats a run; a program, never imported. engine/serving/notebook.py picks what is needed.

A line "# %%" begins a cell, and what stands behind "when" says for which runs; the cell "settings" is written for each run.
"""

# %% settings
DATA = "data.csv"
MODEL, REVISION = "bundled", None
EPOCHS, BATCH_SIZE, LEARNING_RATE, MAX_TOKENS = 3, 32, 1e-4, 128
WARMUP, SCHEDULE, WEIGHT_DECAY, CLIPPING = 0.1, "linear", 0.01, 1.0
DROPOUT, LABEL_SMOOTHING, PATIENCE, LAYER_DECAY = 0.1, 0.0, 0, 1.0
AVERAGE_WEIGHTS = False
KEPT_LAYERS, FROZEN_LAYERS, LORA_RANK = 0, 0, 16
SEED, PRECISION, DEVICE = 42, "float32", "cpu"
ACCURACY_OF_THE_RUN = 0.0

# %% when neural
import math

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import accuracy_score, classification_report, f1_score
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

torch.manual_seed(SEED)

# %% when words
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, classification_report
from sklearn.pipeline import make_pipeline

# %% [markdown]
# ## The data
# A table with the columns text, label and split (train, validation, test). In the file, texts that a spreadsheet could run
# as a formula have an apostrophe in front, which is taken off here.

# %%
rows = pd.read_csv(DATA, dtype=str, keep_default_na=False, encoding="utf-8-sig")
for column in ("text", "label"):
    rows[column] = rows[column].str.replace(r"^'(?=[=+\-@\t\r])", "", regex=True)
labels = sorted(rows["label"].unique())
rows["target"] = rows["label"].map(labels.index)
where = {split: (rows["split"] == split).to_numpy().nonzero()[0] for split in ("train", "validation", "test")}
print({split: len(found) for split, found in where.items()}, "texts,", len(labels), "labels")

# %% [markdown] when words
# ## Count words and pairs of words, and weigh them

# %% when words
train, test = rows.iloc[where["train"]], rows.iloc[where["test"]]
model = make_pipeline(
    TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b"),
    LogisticRegression(C=10.0, max_iter=1000),
)
model.fit(train["text"], train["label"])
predicted = model.predict(test["text"])

# %% [markdown] when words
# ## The test

# %% when words
print(classification_report(test["label"], predicted, digits=3, zero_division=0))
accuracy = accuracy_score(test["label"], predicted)
print(f"test accuracy {accuracy:.4f}; the run had {ACCURACY_OF_THE_RUN:.4f}")

# %% [markdown] when neural
# ## Texts become token ids, cut to a maximum length

# %% when neural
tokenizer = AutoTokenizer.from_pretrained(MODEL, revision=REVISION, padding_side="right")
if tokenizer.pad_token is None:  # as of models that were made to go on writing, such as GPT-2
    tokenizer.pad_token = tokenizer.eos_token
encoded = tokenizer(rows["text"].tolist(), truncation=True, max_length=MAX_TOKENS)["input_ids"]
lengths = np.array([len(ids) for ids in encoded])
targets = torch.tensor(rows["target"].to_numpy())


def laid_out(places):
    """The texts at these places as one batch, padded to the longest of them."""
    batch = tokenizer.pad({"input_ids": [encoded[place] for place in places]}, return_tensors="pt")
    return {"input_ids": batch["input_ids"].to(DEVICE), "attention_mask": batch["attention_mask"].to(DEVICE)}


# %% [markdown] when neural
# ## The pretrained model

# %% when neural
model = AutoModelForSequenceClassification.from_pretrained(
    MODEL,
    revision=REVISION,
    dtype=torch.float32,
    num_labels=len(labels),
    id2label=dict(enumerate(labels)),
    label2id={label: number for number, label in enumerate(labels)},
    problem_type="single_label_classification",
    ignore_mismatched_sizes=True,
)
if model.config.pad_token_id is None:
    model.config.pad_token_id = tokenizer.pad_token_id
base, prefix = model.base_model, model.base_model_prefix
in_head = {
    name for name, _ in model.named_parameters() if not name.startswith(f"{prefix}.") or name.startswith(f"{prefix}.pooler.")
}


def layers():
    """The layers of the encoder, from the input upwards."""
    count = model.config.num_hidden_layers
    return next(one for one in base.modules() if isinstance(one, nn.ModuleList) and len(one) == count)


# %% [markdown] when kept_layers
# Only its first layers are used.

# %% when kept_layers
del layers()[KEPT_LAYERS:]
model.config.num_hidden_layers = KEPT_LAYERS
if getattr(model.config, "layer_types", None):
    model.config.layer_types = model.config.layer_types[:KEPT_LAYERS]

# %% [markdown] when read_mean
# It is read by the mean of all tokens: one more ordinary layer, whose attention is the same for all tokens, puts the mean
# where a classifier looks.

# %% when read_mean
import copy

with torch.no_grad():
    added, eye = copy.deepcopy(layers()[-1]), torch.eye(model.config.hidden_size)
    attention = added.attention
    for linear in (attention.self.query, attention.self.key, added.output.dense):
        linear.weight.zero_()
        linear.bias.zero_()
    attention.self.value.weight.copy_(eye)
    attention.output.dense.weight.copy_(20 * eye)
    for linear in (attention.self.value, attention.output.dense):
        linear.bias.zero_()
    for norm in (attention.output.LayerNorm, added.output.LayerNorm):
        norm.weight.fill_(1.0)
        norm.bias.zero_()
    layers().append(added)
    model.config.num_hidden_layers += 1
    base.pooler.dense.weight.copy_(0.5 * eye)
    base.pooler.dense.bias.zero_()

# %% [markdown] when freezes
# What stays as it was pretrained.

# %% when freezes
base.get_input_embeddings().requires_grad_(False)

# %% when frozen_layers
for module in (getattr(base, "embeddings", base.get_input_embeddings()), *layers()[:FROZEN_LAYERS]):
    module.requires_grad_(False)

# %% [markdown] when head
# Only the last layer learns, on what the encoder makes of the texts as they are.

# %% when head
for name, parameter in model.named_parameters():
    parameter.requires_grad_(name in in_head)


# %% [markdown] when lora
# LoRA: a small addition beside every linear layer of the encoder learns, and the layer itself stays.


# %% when lora
class WithAddition(nn.Module):
    """A linear layer that stays, plus 2 · up(down(x)), which learns and begins as nothing."""

    def __init__(self, linear):
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.down = nn.Linear(linear.in_features, LORA_RANK, bias=False)
        self.up = nn.Linear(LORA_RANK, linear.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, values):
        return self.linear(values) + 2 * self.up(self.down(values))


inside = [
    (name, module)
    for name, module in model.named_modules()
    if isinstance(module, nn.Linear) and f"{name}.weight" not in in_head and module.weight.requires_grad
]
for name, parameter in model.named_parameters():
    parameter.requires_grad_(name in in_head)
for name, module in inside:
    above, _, last = name.rpartition(".")
    setattr(model.get_submodule(above), last, WithAddition(module))

# %% when neural
for module in model.modules():
    if isinstance(module, nn.Dropout):
        module.p = DROPOUT
model.to(DEVICE)

# %% when head
for module in base.modules():
    if isinstance(module, nn.Dropout):
        module.p = 0.0


# %% when neural
@torch.inference_mode()
def logits_of(places):
    """(texts, classes): what the model makes of the texts at these places, in their order."""
    model.eval()
    found = torch.zeros(len(places), len(labels))
    order = np.argsort(-lengths[places], kind="stable")
    for start in range(0, len(order), 64):
        some = order[start : start + 64]
        with torch.autocast(torch.device(DEVICE).type, torch.bfloat16, enabled=PRECISION == "bfloat16"):
            found[torch.tensor(some)] = model(**laid_out(places[some])).logits.float().cpu()
    return found


# %% [markdown] when head_first
# The last layer begins as logistic regression on what goes into it.

# %% when head_first
from sklearn.linear_model import LogisticRegression

last = [one for one in model.modules() if isinstance(one, nn.Linear) and one.out_features == len(labels)][-1]
seen, order = [], np.argsort(-lengths[where["train"]], kind="stable")
hook = last.register_forward_pre_hook(lambda module, given: seen.append(given[0].float().cpu()))
logits_of(where["train"])
hook.remove()
regression = LogisticRegression(C=1.0, max_iter=1000)
regression.fit(torch.cat(seen).numpy(), targets[where["train"]][torch.tensor(order)].numpy())
weights, bias = regression.coef_, regression.intercept_
if len(regression.classes_) == 2:  # scikit-learn keeps one row for two classes
    weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
with torch.no_grad():
    last.weight[torch.tensor(regression.classes_)] = torch.from_numpy(weights).to(last.weight)
    last.bias[torch.tensor(regression.classes_)] = torch.from_numpy(bias).to(last.bias)

# %% [markdown] when neural
# ## What learns, how fast, and what a wrong answer costs

# %% when layer_decay
import re

depth, groups = model.config.num_hidden_layers, []
for name, parameter in model.named_parameters():
    number = re.search(r"\.(?:layers?|h|block)\.(\d+)\.", name)
    above = 0 if name in in_head else depth - int(number[1]) if number else depth + 1
    decay = WEIGHT_DECAY if parameter.ndim >= 2 else 0.0
    if parameter.requires_grad:
        groups.append({"params": [parameter], "weight_decay": decay, "scale": LAYER_DECAY**above})

# %% when one_rate
learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
groups = [
    {"params": [one for one in learning if one.ndim >= 2], "weight_decay": WEIGHT_DECAY, "scale": 1.0},
    {"params": [one for one in learning if one.ndim < 2], "weight_decay": 0.0, "scale": 1.0},
]

# %% when neural
optimizer = torch.optim.AdamW([group for group in groups if group["params"]])
steps = EPOCHS * math.ceil(len(where["train"]) / BATCH_SIZE)


def learning_rate_at(step):
    """Up over the warm-up, then by the schedule."""
    rising = math.ceil(WARMUP * steps)
    if step < rising:
        return LEARNING_RATE * (step + 1) / rising
    left = (steps - step) / max(1, steps - rising)
    shape = {"constant": 1.0, "linear": left, "cosine": 0.5 * (1 - math.cos(math.pi * left))}
    return LEARNING_RATE * shape[SCHEDULE]


# %% when weights
counts = np.bincount(targets[where["train"]], minlength=len(labels))
class_weights = torch.tensor(len(where["train"]) / (len(labels) * np.maximum(counts, 1)), dtype=torch.float32, device=DEVICE)


def cost_of(logits, wanted):
    """Rare classes count more."""
    return nn.functional.cross_entropy(
        logits, wanted, class_weights, reduction="none", label_smoothing=LABEL_SMOOTHING
    ).mean()


# %% when focal
def cost_of(logits, wanted):
    """Texts that the model is sure of count less."""
    cost = nn.functional.cross_entropy(logits, wanted, reduction="none", label_smoothing=LABEL_SMOOTHING)
    right = logits.softmax(dim=-1).gather(1, wanted[:, None]).squeeze(1)
    return (cost * (1 - right) ** 2).mean()


# %% when plain_cost
def cost_of(logits, wanted):
    return nn.functional.cross_entropy(logits, wanted, label_smoothing=LABEL_SMOOTHING)


# %% [markdown] when neural
# ## Learn
# Texts of similar length are learnt together, in an order that only the seed and the epoch decide. The best epoch on the
# validation texts is kept; of epochs within one standard error of each other, the last.


# %% when neural
def batches(epoch):
    random = np.random.default_rng((SEED, epoch))
    shuffled, pool = where["train"][random.permutation(len(where["train"]))], 50 * BATCH_SIZE
    pools = [shuffled[start : start + pool] for start in range(0, len(shuffled), pool)]
    by_length = np.concatenate([some[np.argsort(lengths[some], kind="stable")] for some in pools])
    cut = [by_length[start : start + BATCH_SIZE] for start in range(0, len(by_length), BATCH_SIZE)]
    return [cut[place] for place in random.permutation(len(cut))]


torch.manual_seed(SEED)
step, best_score, improved, best = 0, 0.0, 0, None
average = {name: one.clone() for name, one in model.state_dict().items() if one.is_floating_point()}
for epoch in range(1, EPOCHS + 1):
    model.train()
    for places in batches(epoch - 1):
        with torch.autocast(torch.device(DEVICE).type, torch.bfloat16, enabled=PRECISION == "bfloat16"):
            logits = model(**laid_out(places)).logits
        loss = cost_of(logits.float(), targets[places].to(DEVICE))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIPPING or float("inf"))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step) * group["scale"]
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        if AVERAGE_WEIGHTS and step % 4 == 0:  # later weights count more (Shamir and Zhang 2013)
            now = model.state_dict()
            for name, tensor in average.items():
                tensor.lerp_(now[name], 2 / (step // 4 + 1))
    moving = {name: one.clone() for name, one in model.state_dict().items()}
    if AVERAGE_WEIGHTS:
        model.load_state_dict(average, strict=False)
    answers = logits_of(where["validation"]).argmax(dim=1)
    score = f1_score(targets[where["validation"]], answers, average="macro", zero_division=0)
    print(f"epoch {epoch}: loss {loss:.3f}, macro-F1 {score:.3f} on validation")
    error = math.sqrt(best_score * (1 - best_score) / len(answers))
    if best is None or score >= best_score - error:
        best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    if score > best_score:
        best_score, improved = score, epoch
    model.load_state_dict(moving)
    if 0 < PATIENCE <= epoch - improved:
        break

# %% [markdown] when neural
# ## The test
# Texts that the model has never seen, and that chose nothing.

# %% when neural
model.load_state_dict(best)
answers = logits_of(where["test"]).argmax(dim=1).numpy()
wanted = rows["target"].to_numpy()[where["test"]]
names = {"labels": range(len(labels)), "target_names": labels}
print(classification_report(wanted, answers, digits=3, zero_division=0, **names))
accuracy = accuracy_score(wanted, answers)
print(f"test accuracy {accuracy:.4f}; the run had {ACCURACY_OF_THE_RUN:.4f}")
