"""A finished model for machines without torch: as ONNX, in fp32 and in int8, each checked before it is handed out."""

import logging
import shutil
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np

from engine.errors import DataError, ModelError
from engine.figures import ENGLISH, as_in, percent, significant, size
from engine.models import tfidf
from engine.paths import write_json, writing
from engine.serving.rules import Rules, described

PREDICT, README = "predict_onnx.py", "README.md"
TOLERANCE = 1e-3  # between the probabilities of torch and of ONNX, in fp32
LEAST_EQUAL = 0.99  # the share of texts on which int8 must give the same label
CHECKED_TEXTS = 200
MADE = "shortened or joined"
ONE_FILE_BYTES = 1_800_000_000  # protobuf holds 2 GB: larger weights lie beside the graph


@dataclass(frozen=True)
class Checked:
    """What the check found. texts: how many were asked about. difference: the largest between probabilities, in fp32.

    equal: the share of texts to which int8 gives the same label. bytes: of the model in fp32 and in int8; None: left out.
    origins: how many of the texts are from where.
    """

    texts: int
    difference: float
    equal: float
    bytes: int
    small_bytes: int | None
    origins: dict[str, int] = field(default_factory=dict)

    @property
    def texts_said(self) -> str:
        """'200 texts (30 test, 30 validation, 140 training)'"""
        origins = ", ".join(f"{count} {origin}" for origin, count in self.origins.items())
        return f"{self.texts} texts ({origins})" if origins else f"{self.texts} texts"

    @property
    def said(self) -> str:
        """For people: how well the files agree with torch, and how large they are."""
        same = f"the label of torch on {percent(self.equal, 1)} of them"
        small = (
            f"model.int8.onnx ({size(self.small_bytes)}) gives {same}."
            if self.small_bytes
            else f"Rounded to int8 it gave {same}, which is too few; that file was left out."
        )
        within = f"to within {max(self.difference, 1e-7):.0e}, on {self.texts_said}"
        return f"model.onnx ({size(self.bytes)}) answers as torch does, {within}. {small}"


def write(model: Path, name: str, rules: Rules, texts: Mapping[str, list[str]], to: Path) -> Checked:
    """Write the model in the folder `model` to the new folder or ZIP `to`.

    name: for its page. rules: how its answers are to be taken. texts: to check it on, by where they are from; where they are
    fewer than 200, more are made of them.
    Raises DataError when there is something already, ModelError for a model that cannot be written as ONNX, or that says
    something else then.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise DataError(f"{to} already exists.", "Choose a new one.", "exists")
    if tfidf.is_saved_in(model):
        raise ModelError(
            "A model that counts words has no network that ONNX could hold.",
            "Take it away as a ZIP: the program in it needs Python and nothing else.",
            "no_onnx",
        )
    with writing(to.parent, named=True), tempfile.TemporaryDirectory(dir=to.parent) as temporary:
        folder = Path(temporary, to.stem)
        folder.mkdir()
        checked = _write_folder(model, name, rules, _enough(texts), folder)
        if to.suffix == ".zip":
            packed = shutil.make_archive(str(Path(temporary, "packed")), "zip", temporary, folder.name)
            Path(packed).replace(to)
        else:
            if to.exists():
                to.rmdir()
            folder.rename(to)
    return checked


def _enough(texts: Mapping[str, list[str]]) -> dict[str, str]:
    """Up to 200 different texts, each with where it is from: the first of these, then such as are made of them."""
    found: dict[str, str] = {}
    known = list(dict.fromkeys(chain(*texts.values())))
    for origin, some in [*texts.items(), (MADE, _made_of(known))]:
        for text in some:
            if len(found) == CHECKED_TEXTS:
                return found
            found.setdefault(text, origin)
    return found


def _made_of(texts: list[str]) -> Iterator[str]:
    """The first half of each, then each together with one that comes after it."""
    for text in texts:
        words = text.split()
        yield " ".join(words[: len(words) // 2])
    for step in range(1, len(texts)):
        for one, other in zip(texts, texts[step:], strict=False):
            yield f"{one} {other}"


def _write_folder(model: Path, name: str, rules: Rules, origins: dict[str, str], folder: Path) -> Checked:
    """origins: of the texts to check it on."""
    from engine.serving import alone_onnx
    from engine.serving.transformer import OpenTransformer

    texts, opened = list(origins), OpenTransformer(model, "cpu")
    tokenizer = opened.tokenizer
    tokenizer.backend_tokenizer.save(str(folder / alone_onnx.WORDS))
    write_json(
        folder / alone_onnx.ABOUT,
        {
            "labels": opened.labels,
            **rules.exported(),
            "max_tokens": opened.max_tokens,
            "cut_at": tokenizer.truncation_side,
            "pad_at": tokenizer.padding_side,
            "pad_id": tokenizer.pad_token_id or 0,
        },
    )
    shutil.copyfile(alone_onnx.__file__, folder / PREDICT)

    from engine.evaluation.calibration import temper

    wanted = temper(opened.probabilities(texts), rules.temperature)
    full, small = folder / alone_onnx.FULL, folder / alone_onnx.SMALL
    _to_onnx(opened.model, full)
    found = alone_onnx.Classifier(folder, full.name).probabilities(texts)
    difference = float(np.abs(found - wanted).max())
    if not difference <= TOLERANCE:
        raise ModelError(
            f"As ONNX, the model gives different answers (they differ by {significant(difference, 2)}).",
            "Take it away as a ZIP instead, which needs torch.",
            "onnx_differs",
        )
    equal = 0.0
    for by_blocks in (False, True):
        _to_int8(full, small, by_blocks)
        found = alone_onnx.Classifier(folder, small.name).probabilities(texts)
        equal = float((found.argmax(axis=1) == wanted.argmax(axis=1)).mean())
        if equal >= LEAST_EQUAL:
            break
        for path in folder.glob(f"{small.name}*"):
            path.unlink()
    bytes_of = {path.name: _size(path) for path in (full, small) if path.exists()}
    of = dict(Counter(origins.values()))
    checked = Checked(len(texts), difference, equal, bytes_of[full.name], bytes_of.get(small.name), of)
    with as_in(ENGLISH):  # it is read anywhere
        page = _page(name, opened.labels, checked, described(rules, opened.labels, PREDICT, alone_onnx.ABOUT))
    (folder / README).write_text(page, encoding="utf-8")
    return checked


def _to_onnx(model, path: Path) -> None:
    """The model as a graph from input_ids and attention_mask, (texts, tokens) int64, to logits, (texts, classes)."""
    import torch

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            return self.inner(input_ids=input_ids, attention_mask=attention_mask).logits

    model.set_attn_implementation("sdpa" if model._supports_sdpa else "eager")
    ids = torch.full((2, 8), model.config.pad_token_id or 0)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0  # so that nobody concludes that nothing is ever padded
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    noisy = logging.getLogger("torch.onnx")
    level = noisy.level
    noisy.setLevel(logging.ERROR)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                Plain().eval(),
                (ids, mask),
                path,
                dynamo=True,
                input_names=["input_ids", "attention_mask"],
                output_names=["logits"],
                dynamic_shapes={"input_ids": free, "attention_mask": free},
                external_data=4 * model.num_parameters() > ONE_FILE_BYTES,
                verbose=False,
            )
    except Exception as error:  # whatever the exporter makes of an architecture
        raise ModelError(
            f"A {model.config.model_type} model cannot be written as ONNX ({type(error).__name__}).",
            "Take it away as a ZIP instead, which needs torch.",
            "no_onnx",
        ) from error
    finally:
        noisy.setLevel(level)


def _to_int8(full: Path, small: Path, by_blocks: bool) -> None:
    """Weights of the multiplications as 8-bit integers, values rounded as they come. Word vectors stay as they are.

    by_blocks: a scale for 32 numbers each, which is more exact and no faster than fp32; else one for each output and one for
    all values of a batch.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    beside = _size(full) > ONE_FILE_BYTES
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        if by_blocks:
            blocks = MatMulNBitsQuantizer(onnx.load(full), bits=8, block_size=32, is_symmetric=True, accuracy_level=4)
            blocks.process()
            blocks.model.save_model_to_file(str(small), beside)
            return
        quantize_dynamic(
            full,
            small,
            per_channel=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Gemm"],
            use_external_data_format=beside,
        )
    finally:
        root.setLevel(level)


def _size(path: Path) -> int:
    """Bytes of a graph and of the weights that lie beside it."""
    return sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*"))


def _page(name: str, labels: list[str], checked: Checked, rules: str) -> str:
    """rules: how the answers are taken, in words."""
    same = f"the same label as torch on {checked.equal:.1%} of them"
    if checked.small_bytes is None:
        int8 = (
            f"There is no model.int8.onnx: rounded to 8 bits this model gave {same}, and less than {LEAST_EQUAL:.0%} is not "
            "handed out."
        )
    else:
        int8 = f"`model.int8.onnx` ({checked.small_bytes / 1e6:,.1f} MB), rounded to 8 bits, gave {same}."
    return f"""# A text classifier without torch

    {name}

A text classifier for {len(labels)} labels, as ONNX. It needs no torch and no transformers:

    pip install onnxruntime tokenizers numpy
    python predict_onnx.py "a text"

`model.onnx` ({checked.bytes / 1e6:,.1f} MB) gave the same probabilities as torch on {checked.texts_said},
to within {max(checked.difference, 1e-7):.0e}. {int8}

{rules}

`classifier.json` holds the labels in the order of the logits, the temperature that the logits are divided by before the
softmax, and the confidence below which a person should answer (`threshold`, for single labels `thresholds`; 1.01: always).
`tokenizer.json` is read by the package tokenizers. Inputs are `input_ids` and `attention_mask`, (texts, tokens) int64;
the output is `logits`, (texts, classes) float32.
"""
