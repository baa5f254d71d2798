"""How fast the same model learns the same texts: python -m benchmarks.training_speed FOLDER [options]

The bundled model learns the same rows for the same number of epochs, fully fine-tuned, in four ways:

  tutorial          the loop of the classic tutorial: everything padded to the longest text, batches of 16 by DataLoader with
                    shuffle, fp32, AdamW at 2e-5, no schedule
  Trainer           transformers.Trainer with its defaults (batches of 8, fp32, 5e-5 falling linearly), padding each batch
  Trainer, tuned    the same at its best: bf16, train_sampling_strategy="group_by_length" (group_by_length=True before
                    transformers 5), and the batch size, learning rate, warm-up and weight decay of Tuneboard's preset
  Tuneboard         the engine's own code with the settings that --preset derives from these rows

With --shape bert-base it is a model of that shape with random weights and the bundled model's words: what counts then is
speed, not accuracy, and it is for graphics cards.

Each in a process of its own, in turn (tutorial, Trainer, tuned, Tuneboard, tutorial, ...), once for each seed. All read the
same number of tokens of each text: the limit that the preset derives. Neither checkpoints nor validation take part, nor what
the presets do to the model itself where it is a sentence encoder: all four learn the same one, which reads the first token.

  examples/s        texts learnt by the seconds of training alone; "before" is all that comes earlier: imports, reading the
                    file, loading the model, tokenizing
  useful tokens/s   tokens of the texts, special ones included, no padding
  of bf16 peak      useful FLOP/s by the best that matrix multiplications in bf16 reach in the same process right before or
                    right after training (several sizes near the model's and 2048^3, the best of many)
  peak memory       of the process up to the end of training (VmHWM); on a GPU also what torch took of its memory
  Tuneboard /       median over the seeds of Tuneboard's examples/s by this one's, in the same turn

Useful FLOPs: 6 N for each token, N being the parameters of the layers without the embeddings (Kaplan et al. 2020, "Scaling
Laws for Neural Language Models", 2.1), and 12 * layers * hidden * length^2 for the attention of each text (Chowdhery et al.
2022, "PaLM", appendix B). The classifier reads one token of each text, so of the last layer only keys and values count for
each token; the rest of it, pooler and head count once a text. Of these 6, 2 are forward, 2 the gradient of weights, 2 that
of inputs: of what is frozen only those that are needed count.

Trainer needs accelerate (measured: 1.15.0). Where it is not installed beside Tuneboard, name a Python that has it with
--trainer-python; benchmarks/few_shot.py says how to make such an environment.
"""

import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks import common

SETS = ("sst2", "emotion", "polarity_v2")
OURS = "Tuneboard"
CONTESTANTS = ("tutorial", "Trainer", "Trainer, tuned", OURS)
ROWS, SEEDS = 1920, 3
TUTORIAL_BATCH, TUTORIAL_RATE = 16, 2e-5
GEMMS = ((2048, 384, 384), (2048, 384, 1536), (2048, 1536, 384), (2048, 2048, 2048))
GPU_GEMMS = ((16384, 384, 1536), (16384, 768, 3072), (8192, 8192, 8192))
GEMM_TRIES, GEMM_SECONDS = 5, {"cpu": 0.5, "cuda": 0.05}  # of each size: at least so many, and for so long
SHAPES = {
    "bert-base": {
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
    }
}


class Prepared(NamedTuple):
    """train: all of the training, in place. lengths: tokens of each training text."""

    model: object
    lengths: list[int]
    train: Callable[[], object]


def main() -> None:
    parser = common.arguments(__doc__, SETS, SEEDS)
    parser.set_defaults(rows=ROWS)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--test-rows", type=int, metavar="N", help="at most so many test rows, drawn by chance")
    parser.add_argument("--preset", default="balanced", choices=("quick", "balanced", "thorough"))
    parser.add_argument("--shape", choices=SHAPES, help="in place of the bundled model")
    parser.add_argument("--batch-size", type=int, help="in place of the preset's")
    parser.add_argument("--max-tokens", type=int, help="in place of the preset's")
    parser.add_argument("--contestants", nargs="+", default=list(CONTESTANTS), choices=CONTESTANTS)
    parser.add_argument("--trainer-python", type=Path, default=Path(sys.executable), metavar="PATH")
    asked = parser.parse_args()
    if common.measure(asked, {name: lambda task, name=name: measured(name, task) for name in CONTESTANTS}):
        return
    check_trainer(asked.trainer_python, any(name.startswith("Trainer") for name in asked.contestants))
    records = common.Records(asked.json)
    for name in asked.sets:
        common.parts(asked.folder, name)
    for name in asked.sets:
        compare(name, asked, records)


def compare(name: str, asked, records: common.Records) -> None:
    train, test = common.parts(asked.folder, name)
    rows = common.some(common.read(train), asked.rows)
    with tempfile.TemporaryDirectory() as folder:
        if asked.test_rows:
            test = common.write(Path(folder) / "test.csv", common.some(common.read(test), asked.test_rows))
        task = {
            "train": str(common.write(Path(folder) / "train.csv", rows)),
            "test": str(test.resolve()),
            "model": str(model_folder(asked.shape, Path(folder) / "model")),
        }
        task["settings"] = {**derived(rows, asked.preset, Path(task["model"])), "epochs": asked.epochs}
        for setting, value in (("batch_size", asked.batch_size), ("max_tokens", asked.max_tokens)):
            if value:
                task["settings"][setting] = value
        for seed in range(1, asked.seeds + 1):
            for contestant in asked.contestants:
                python = asked.trainer_python if contestant.startswith("Trainer") else Path(sys.executable)
                found = common.in_process(
                    "benchmarks.training_speed", asked.folder, contestant, {**task, "seed": seed}, python
                )
                records.add(set=name, contestant=contestant, seed=seed, **found)
                common.told(f"{name}, seed {seed}, {contestant}: {found['texts'] / found['seconds']:.1f} examples/s")
    settings = ", ".join(f"{key} {value}" for key, value in task["settings"].items())
    print(f"\n{name}: {len(rows.texts):,} rows; Tuneboard's settings: {settings}\n")
    print(table([one for one in records if one["set"] == name], asked.contestants), flush=True)


def model_folder(shape: str | None, folder: Path) -> Path:
    """Of the bundled model; or `folder`, with a model of `shape` that has the bundled one's words and random weights."""
    from engine.models.catalogue import bundled_folder

    if not shape:
        return bundled_folder()
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(bundled_folder())
    BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer), **SHAPES[shape])).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def derived(rows: common.Rows, preset: str, folder: Path) -> dict:
    """The settings that the preset chooses for these rows and the model in `folder`."""
    from engine.models.tokens import count_tokens
    from engine.settings import TrainingConfig
    from engine.training.plan import MEASURED_TEXTS
    from engine.training.presets import derive

    shape = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    chosen = derive(
        preset,
        len(rows.texts),
        list(Counter(rows.labels).values()),
        count_tokens(rows.texts[:MEASURED_TEXTS], folder),
        shape["max_position_embeddings"],
        shape["hidden_size"],
    ).values
    default = TrainingConfig()
    return {"warmup": default.warmup, "weight_decay": default.weight_decay, **chosen}


def check_trainer(python: Path, needed: bool) -> None:
    if needed and python == Path(sys.executable) and not importlib.util.find_spec("accelerate"):
        raise SystemExit(
            "transformers.Trainer needs accelerate, which is not installed here: pip install accelerate==1.15.0, "
            "or name a Python that has it with --trainer-python."
        )
    if not python.exists():
        raise SystemExit(f"There is no {python}.")


def table(records: list[dict], contestants: list[str]) -> str:
    speed = {name: [one["texts"] / one["seconds"] for one in records if one["contestant"] == name] for name in contestants}
    lines = []
    for name in contestants:
        mine = [one for one in records if one["contestant"] == name]
        middle = statistics.median
        peaks = {key: [max(one["peaks"][key]) for one in mine] for key in ("bf16", "fp32")}
        useful = [one["flops"] / one["seconds"] for one in mine]
        gpu = max(one["gpu_memory"] for one in mine)
        ratio = [ours / theirs for ours, theirs in zip(speed.get(OURS, []), speed[name], strict=False)]
        lines.append(
            [
                name,
                f"{middle(speed[name]):,.1f} ({min(speed[name]):,.1f} to {max(speed[name]):,.1f})",
                f"{middle([one['tokens'] / one['seconds'] for one in mine]):,.0f}",
                f"{middle([value / peak for value, peak in zip(useful, peaks['bf16'], strict=True)]):.0%}",
                f"{middle(peaks['bf16']) / 1e9:,.0f} / {middle(peaks['fp32']) / 1e9:,.0f}",
                f"{middle([one['seconds'] for one in mine]):,.1f} s",
                f"{middle([one['before'] for one in mine]):.1f} s",
                f"{max(one['memory'] for one in mine) / 2**20:,.0f} MB" + (f" + {gpu / 2**20:,.0f} MB" if gpu else ""),
                common.several([one["accuracy"] for one in mine], ".4f"),
                f"{middle(ratio):.2f}" if ratio else "",
            ]
        )
    header = [
        "",
        "examples/s",
        "useful tokens/s",
        "of bf16 peak",
        "GEMM peak bf16 / fp32, GFLOP/s",
        "training",
    ]
    header += ["before", "peak memory", "test accuracy", "Tuneboard /"]
    return common.markdown(header, lines)


# -- in the process of a contestant -----------------------------------------------------------------


def measured(what: str, task: dict) -> dict:
    start = time.perf_counter()
    if what == OURS:
        from engine import machine

        os.environ.update(machine.sharing(os.environ))  # as engine/runs starts its workers
    import torch

    rows = common.read(task["train"])
    classes = sorted(set(rows.labels))
    targets = [classes.index(label) for label in rows.labels]
    prepare = {"tutorial": tutorial, OURS: tuneboard}.get(what, trainer)
    extra = {"tuned": what == "Trainer, tuned"} if prepare is trainer else {}
    prepared = prepare(rows.texts, targets, classes, task["model"], task["settings"], seed=task["seed"], **extra)
    before = time.perf_counter() - start
    device = "cuda" if torch.cuda.is_available() else "cpu"
    peaks = {"bf16": [gemm_peak("bfloat16", device)], "fp32": [gemm_peak("float32", device)]}
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()

    start = time.perf_counter()
    prepared.train()
    if device == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start

    memory = common.peak_memory()
    gpu_memory = torch.cuda.max_memory_allocated() if device == "cuda" else 0
    for name, dtype in (("bf16", "bfloat16"), ("fp32", "float32")):
        peaks[name].append(gemm_peak(dtype, device))
    epochs = task["settings"]["epochs"]
    return {
        "seconds": seconds,
        "before": before,
        "texts": epochs * len(rows.texts),
        "tokens": epochs * sum(prepared.lengths),
        "flops": epochs * useful_flops(prepared.model, prepared.lengths),
        "peaks": peaks,
        "memory": memory,
        "gpu_memory": gpu_memory,
        "accuracy": accuracy(prepared.model, task["model"], common.read(task["test"]), classes, task["settings"]),
        "device": torch.cuda.get_device_name() if device == "cuda" else "processor",
        "threads": torch.get_num_threads(),
    }


def opened(folder: str, classes: list[str], seed: int):
    """The tokenizer and a plain BertForSequenceClassification in fp32 with a new head."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(classes), dtype=torch.float32)
    return tokenizer, model.to("cuda" if torch.cuda.is_available() else "cpu")


def tutorial(texts, targets, classes, folder, settings, seed) -> Prepared:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    tokenizer, model = opened(folder, classes, seed)
    encoded = tokenizer(texts, padding=True, truncation=True, max_length=settings["max_tokens"], return_tensors="pt")
    data = TensorDataset(encoded["input_ids"], encoded["attention_mask"], torch.tensor(targets))

    def train() -> None:
        loader = DataLoader(data, batch_size=TUTORIAL_BATCH, shuffle=True)
        optimizer = torch.optim.AdamW(model.parameters(), lr=TUTORIAL_RATE)
        model.train()
        for _ in range(settings["epochs"]):
            for batch in loader:
                input_ids, attention_mask, labels = (part.to(model.device) for part in batch)
                optimizer.zero_grad()
                output = model(input_ids=input_ids, attention_mask=attention_mask, labels=labels)
                output.loss.backward()
                optimizer.step()

    return Prepared(model, encoded["attention_mask"].sum(dim=1).tolist(), train)


def trainer(texts, targets, classes, folder, settings, seed, tuned=False) -> Prepared:
    """transformers.Trainer: with its defaults, or tuned. Its checkpoints are off, its logging is as it is."""
    import torch
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

    tokenizer, model = opened(folder, classes, seed)
    encoded = tokenizer(texts, truncation=True, max_length=settings["max_tokens"])
    data = [
        {"input_ids": ids, "attention_mask": mask, "labels": label}
        for ids, mask, label in zip(encoded["input_ids"], encoded["attention_mask"], targets, strict=True)
    ]
    best = {}
    if tuned:
        best = {
            "bf16": True,
            "train_sampling_strategy": "group_by_length",
            "per_device_train_batch_size": settings["batch_size"],
            "learning_rate": settings["learning_rate"],
            "warmup_steps": settings["warmup"],  # below 1: a share of all steps
            "weight_decay": settings["weight_decay"],
        }
    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(),
        num_train_epochs=settings["epochs"],
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(),  # without it, bf16 is refused on a processor
        seed=seed,
        **best,
    )
    learning = Trainer(
        model,
        arguments,
        train_dataset=data,
        data_collator=DataCollatorWithPadding(tokenizer),
        processing_class=tokenizer,
    )
    return Prepared(model, [len(ids) for ids in encoded["input_ids"]], learning.train)


def tuneboard(texts, targets, classes, folder, settings, seed) -> Prepared:
    """The engine's own code, as engine/workers/pipeline.py uses it; nothing is validated and no round is kept."""
    import torch

    from engine import machine
    from engine.models import adapting
    from engine.models.devices import pick_device, pick_precision
    from engine.models.loading import load_model, load_tokenizer
    from engine.settings import TrainingConfig
    from engine.training.batches import Batches
    from engine.training.learner import Learner
    from engine.training.loop import train
    from engine.training.tokens import tokenize

    config = TrainingConfig(**settings, seed=seed)
    torch.set_num_threads(machine.cores())
    torch.manual_seed(seed)
    device = pick_device(config.device)
    precision = pick_precision(config.precision, device)
    tokenizer = load_tokenizer(Path(folder))
    model = adapting.adapted(load_model(Path(folder), classes), config).to(device)
    encoded = tokenize(tokenizer, texts, config.max_tokens)
    learner = Learner(model, encoded, targets, precision, config)
    batches = Batches(encoded.lengths, config.batch_size, config.seed)

    def work() -> None:
        train(
            learner,
            batches,
            config,
            score=lambda: {"macro_f1": 0.0},
            scored_rows=1,
            keep_best=lambda: None,
            emit=lambda event: None,
            should_stop=lambda: False,
        )

    return Prepared(model, encoded.lengths.tolist(), work)


def accuracy(model, folder: str, test: common.Rows, classes: list[str], settings: dict) -> float:
    """Share of the test rows that are predicted right; the same plain code for every contestant."""
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    order = sorted(range(len(test.texts)), key=lambda row: len(test.texts[row]))
    right = 0
    model.eval()
    if model.device.type == "cuda":
        # Packed attention, with which Tuneboard trains there, takes no padded texts.
        model.set_attn_implementation("sdpa")
    with torch.inference_mode():
        for start in range(0, len(order), 32):
            rows = order[start : start + 32]
            encoded = tokenizer(
                [test.texts[row] for row in rows],
                padding=True,
                truncation=True,
                max_length=settings["max_tokens"],
                return_tensors="pt",
            ).to(model.device)
            logits = model(input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"]).logits
            right += sum(
                classes[best] == test.labels[row] for best, row in zip(logits.argmax(dim=1).tolist(), rows, strict=True)
            )
    return right / len(order)


def gemm_peak(dtype: str, device: str) -> float:
    """The most FLOP/s that multiplying matrices reaches, as a linear layer does it."""
    import torch

    best = 0.0
    for rows, inner, columns in (*GEMMS, *(GPU_GEMMS if device == "cuda" else ())):
        values = torch.randn(rows, inner, device=device).to(getattr(torch, dtype))
        weights = torch.randn(columns, inner, device=device).to(getattr(torch, dtype))
        end, tries = time.perf_counter() + GEMM_SECONDS[device], 0
        while tries < GEMM_TRIES or time.perf_counter() < end:
            tries += 1
            if device == "cuda":
                torch.cuda.synchronize()
            start = time.perf_counter()
            torch.nn.functional.linear(values, weights)
            if device == "cuda":
                torch.cuda.synchronize()
            best = max(best, 2 * rows * inner * columns / (time.perf_counter() - start))
    return best


def useful_flops(model, lengths: list[int]) -> float:
    """What one reading of texts of these lengths has to compute, forward and backward (see the top of this file)."""
    tokens, squares = sum(lengths), sum(length**2 for length in lengths)
    hidden, total = model.config.hidden_size, 0.0
    body = model.base_model

    def learns(module) -> bool:
        return any(one.requires_grad for one in module.parameters())

    def size(*modules) -> int:
        return sum(one.numel() for module in modules for one in module.parameters())

    below = learns(body.embeddings)
    for layer in body.encoder.layer:
        attention, last = layer.attention.self, layer is body.encoder.layer[-1]
        everywhere = size(attention.key, attention.value) if last else size(layer)
        asked = everywhere * tokens + (size(layer) - everywhere) * len(lengths)
        total += 2 * asked
        if learns(layer):
            unasked = 0 if below else size(attention.query, attention.key, attention.value) * tokens
            total += 4 * asked - 2 * min(unasked, asked)
            below = True
        elif below:
            total += 2 * asked
        total += (12 if below else 4) * hidden * (tokens if last else squares)
    inside = {id(one) for part in (body.embeddings, body.encoder) for one in part.parameters()}
    head = sum(one.numel() for one in model.parameters() if id(one) not in inside)
    return total + 6 * head * len(lengths)


if __name__ == "__main__":
    main()
