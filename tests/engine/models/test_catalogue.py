import json
import re
import shutil

import pytest

from engine.errors import ModelError
from engine.models import catalogue, loading
from engine.models.catalogue import check_bundled_weights, find_model
from engine.models.tokens import count_tokens


def test_the_bundled_model_is_there_and_unchanged():
    source = find_model("bundled")
    assert source.kind == "bundled"
    assert source.bytes > 90e6
    assert source.download_bytes == 0
    check_bundled_weights()


def test_damaged_weights_are_noticed(tmp_path, monkeypatch):
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setattr(catalogue, "bundled_folder", lambda: tmp_path)
    with pytest.raises(ModelError, match="not the original"):
        check_bundled_weights()


def test_a_folder(tiny_model):
    assert find_model(str(tiny_model)).kind == "folder"


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_that_lacks_something_says_what(tiny_model, tmp_path, missing):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / missing).unlink()
    told = missing if missing != "model.safetensors" else "*.safetensors"
    with pytest.raises(ModelError, match=re.escape(f"can be used. It lacks: {told}. Choose")):
        find_model(str(folder))


def test_opening_a_model_leaves_the_progress_bars_of_transformers_as_they_were(tiny_model):
    from transformers.utils import logging

    try:
        for shown, choose in ((False, logging.disable_progress_bar), (True, logging.enable_progress_bar)):
            choose()
            loading.load_model(tiny_model)
            assert logging.is_progress_bar_enabled() is shown
    finally:
        logging.enable_progress_bar()


@pytest.mark.parametrize("nothing", ["", "  "])
def test_no_name_is_not_the_folder_that_one_happens_to_be_in(tiny_model, monkeypatch, nothing):
    monkeypatch.chdir(tiny_model)
    with pytest.raises(ModelError, match="No model is named"):
        find_model(nothing)
    assert find_model(".").folder == tiny_model


def test_pickled_weights_are_not_taken(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        find_model(str(folder))


def test_a_model_with_its_own_code_is_refused(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text()) | {"auto_map": {"AutoModel": "evil.py--Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="own program code"):
        find_model(str(folder))


SIZES = ["vocab_size", "hidden_size", "num_hidden_layers", "max_position_embeddings", "intermediate_size", "type_vocab_size",
         "num_labels"]  # fmt: skip


@pytest.mark.parametrize("figure", SIZES)
def test_a_config_that_would_fill_the_memory_is_refused(tiny_model, tmp_path, figure):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text()) | {figure: 10**9}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="more than its weights hold"):
        find_model(str(folder))


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("adapter_config.json", {"peft_type": "LORA"}, "an adapter as well as a model"),
        (
            "model.safetensors.index.json",
            {"weight_map": {"a": "../outside.safetensors"}},
            "other than its own",
        ),
        ("model.safetensors.index.json", {"weight_map": {"a": "model.bin"}}, "other than its own"),
        ("model.safetensors.index.json", {"weight_map": {"a": ["model.safetensors"]}}, "other than its own"),
        ("model.safetensors.index.json", {"weight_map": []}, "cannot be read"),
        ("config.json", {"quantization_config": {"quant_method": "bitsandbytes"}}, "fewer digits"),
        ("config.json", {"transformers_weights": "adapter_model.bin"}, "other than its own"),
    ],
)
def test_what_would_bring_other_weights_than_the_folder_s_own_is_refused(tiny_model, tmp_path, file, content, sentence):
    path = shutil.copytree(tiny_model, tmp_path / "model") / file
    path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | content))
    with pytest.raises(ModelError, match=sentence):
        find_model(str(path.parent))


def test_a_model_in_several_files_is_taken_and_a_missing_one_is_not(tiny_model, tmp_path):
    loading.load_model(tiny_model).save_pretrained(tmp_path / "model", max_shard_size="40KB")
    for path in tiny_model.glob("tokenizer*"):
        shutil.copyfile(path, tmp_path / "model" / path.name)
    assert find_model(str(tmp_path / "model")).kind == "folder"
    next((tmp_path / "model").glob("*.safetensors")).unlink()
    with pytest.raises(ModelError, match="other than its own"):
        find_model(str(tmp_path / "model"))


def test_sizes_that_fill_the_memory_only_together_are_refused_when_the_model_is_opened(tiny_model, tmp_path):
    path = shutil.copytree(tiny_model, tmp_path / "model") / "config.json"
    figures = {"num_hidden_layers": 60, "intermediate_size": 4000}
    path.write_text(json.dumps(json.loads(path.read_text()) | figures))
    find_model(str(path.parent))
    with pytest.raises(ModelError, match="more than its weights hold"):
        loading.load_model(path.parent, ["a", "b"])


@pytest.mark.parametrize("figures", [{"num_attention_heads": 0}, {"hidden_act": "no such"}, {"vocab_size": -5}])
def test_whatever_a_config_makes_of_the_library_is_a_sentence(tiny_model, tmp_path, figures):
    path = shutil.copytree(tiny_model, tmp_path / "model") / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | figures))
    with pytest.raises(ModelError, match=r"cannot be opened: '?\w"):
        loading.load_model(path.parent, ["a", "b"])


def test_a_model_whose_answers_depend_on_how_far_a_row_is_filled_up_is_refused(tiny_model, tmp_path):
    path = shutil.copytree(tiny_model, tmp_path / "model") / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_type": "xlnet"}))
    with pytest.raises(ModelError, match="'xlnet', which cannot be made into a classifier"):
        find_model(str(path.parent))


def test_a_model_that_names_nothing_to_fill_up_with_takes_its_end_or_is_refused(tiny_model):
    model, tokenizer = loading.load_model(tiny_model), loading.load_tokenizer(tiny_model)
    model.config.pad_token_id = tokenizer.pad_token = None
    with pytest.raises(ModelError, match="no token to fill up"):
        loading.fill_up(tokenizer, model)
    tokenizer.eos_token = "[SEP]"
    loading.fill_up(tokenizer, model)
    assert tokenizer.pad_token_id == model.config.pad_token_id == tokenizer.sep_token_id


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_words_that_are_cut_off_are_a_sentence(tiny_model, tmp_path, share):
    path = shutil.copytree(tiny_model, tmp_path / "model") / "tokenizer.json"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match=r"its tokenizer\.json cannot be read") as refusal:
        find_model(str(path.parent))
    assert refusal.value.code == "no_tokenizer"


NO_SUCH_TOKEN = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "[NO]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {},
}


@pytest.mark.parametrize(
    "changed",
    [{"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}}, {"post_processor": NO_SUCH_TOKEN}],
    ids=["panics when it is opened", "panics when it is used"],
)
def test_words_that_the_library_panics_over_are_a_sentence(tiny_model, tmp_path, changed):
    path = shutil.copytree(tiny_model, tmp_path / "model") / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    with pytest.raises(ModelError, match=r"its tokenizer\.json cannot be read"):
        find_model(str(path.parent))


def test_a_tokenizer_that_only_transformers_cannot_read_is_a_sentence(tiny_model, tmp_path):
    path = shutil.copytree(tiny_model, tmp_path / "model") / "tokenizer_config.json"
    path.write_text(json.dumps({"added_tokens_decoder": [5]}))
    with pytest.raises(ModelError, match=r"tokenizer of the model in .* cannot be read") as refusal:
        loading.load_tokenizer(path.parent)
    assert refusal.value.code == "no_tokenizer"


@pytest.mark.parametrize(
    "reference", ["no such thing", "../nothing/here", "a/b/c", "https://example.com/model", "/nowhere/at/all"]
)
def test_what_is_neither_folder_nor_name(reference):
    with pytest.raises(ModelError, match="neither a folder"):
        find_model(reference)


def test_lengths_count_the_special_tokens_and_are_not_cut():
    lengths = count_tokens(["", "hello", "word " * 1000], find_model("bundled").folder)
    assert lengths.tolist() == [2, 3, 1002]
