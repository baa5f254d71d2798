"""What a training step takes on an NVIDIA card: python -m benchmarks.card_steps FOLDER [--sets sst2 polarity_v2]

A model of BERT-base's shape with random weights (as in benchmarks/training_speed.py) learns texts of at most --max-tokens
tokens in bf16, fully fine-tuned, packed. For each set and batch size the same --steps batches are learnt

  one by one   every kernel started by itself, as torch does it
  replayed     from recordings (engine/training/replaying.py), all of which exist already

ms/step is the whole step, from the rows to corrected weights, with the card done; "of which processor" is when the processor
was free again. "of bf16 peak" counts useful FLOPs as benchmarks/training_speed.py does, of the best that matrix
multiplications reach here. "recording" is what it took to learn the batches twice before, recordings included.
Pieces of more tokens than engine/training/learner.py records are started one by one in any case.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import common, training_speed

SETS = ("sst2", "polarity_v2")


def main() -> None:
    parser = common.arguments(__doc__, SETS, 1)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 128, 512])
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--max-tokens", type=int, default=512)
    asked = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        raise SystemExit("This machine has no NVIDIA card that torch can use.")
    peak = training_speed.gemm_peak("bfloat16", "cuda")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, bf16 peak {peak / 1e12:,.0f} TFLOP/s\n")
    lines = []
    with TemporaryDirectory() as folder:
        model = training_speed.model_folder("bert-base", Path(folder))
        for name in asked.sets:
            texts = common.some(common.read(common.parts(asked.folder, name)[0]), asked.rows).texts
            for size in asked.batch_sizes:
                for replays in (False, True):
                    found = measured(model, texts, asked.max_tokens, size, asked.steps, replays)
                    common.told(f"{name}, batches of {size}: {found}")
                    lines.append([name, size, "replayed" if replays else "one by one", *shown(found, peak)])
    header = ["", "batch", "", "ms/step", "of which processor", "examples/s", "of bf16 peak", "recording"]
    print(common.markdown([*header, "memory"], lines))


def measured(folder: Path, texts: list[str], max_tokens: int, batch_size: int, steps: int, replays: bool) -> dict:
    import numpy as np
    import torch

    from engine.models.loading import load_model, load_tokenizer
    from engine.settings import TrainingConfig
    from engine.training.batches import Batches
    from engine.training.learner import Learner
    from engine.training.tokens import tokenize

    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    model = load_model(folder, ["a", "b"]).to("cuda")
    encoded = tokenize(load_tokenizer(folder), texts, max_tokens)
    learner = Learner(model, encoded, np.arange(len(texts)) % 2, torch.bfloat16, TrainingConfig())
    if not replays:
        learner.replays, learner.weights.replays.full = None, True
    whole = [
        rows
        for epoch in range(steps)
        for rows in Batches(encoded.lengths, batch_size, 1).epoch(epoch)
        if len(rows) == batch_size
    ][:steps]
    recording, _ = seconds(learner, whole * 2)
    taken, processor = seconds(learner, whole)
    lengths = [int(length) for rows in whole for length in encoded.lengths[rows]]
    return {
        "steps": len(whole),
        "seconds": taken,
        "processor": processor,
        "recording": recording,
        "texts": len(lengths),
        "flops": training_speed.useful_flops(model, lengths),
        "memory": torch.cuda.max_memory_reserved(),
    }


def seconds(learner, batches: list) -> tuple[float, float]:
    """(until the card is done, until the processor is)."""
    import torch

    torch.cuda.synchronize()
    start = time.perf_counter()
    for rows in batches:
        learner.learn(rows, 1e-5)
    processor = time.perf_counter() - start
    torch.cuda.synchronize()
    return time.perf_counter() - start, processor


def shown(found: dict, peak: float) -> list[str]:
    return [
        f"{1000 * found['seconds'] / found['steps']:.1f}",
        f"{1000 * found['processor'] / found['steps']:.1f}",
        f"{found['texts'] / found['seconds']:,.0f}",
        f"{found['flops'] / found['seconds'] / peak:.0%}",
        f"{found['recording']:.1f} s",
        f"{found['memory'] / 2**20:,.0f} MB",
    ]


if __name__ == "__main__":
    main()
