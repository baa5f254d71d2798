"""The hub's client, against a server on this machine that answers as the hub does."""

import errno
import json
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerBase

from engine.errors import ModelError
from engine.models import hub
from engine.models.catalogue import find_model
from engine.models.loading import fetch, load_model, load_tokenizer
from engine.models.tokens import count_tokens
from tests.hub_standin import COPY, MAIN, point_to
from tests.words import easy_texts


def test_a_disk_without_room_for_more_is_not_taken_for_a_hub_that_cannot_be_reached():
    def no_room():
        raise OSError(getattr(errno, "EDQUOT", errno.ENOSPC), "Disk quota exceeded")

    with pytest.raises(OSError, match="quota"):
        hub._asked("me/tiny", no_room)


def test_the_size_is_told_before_anything_is_downloaded(model_hub, tiny_model, tmp_path):
    source = find_model("me/tiny", downloads=tmp_path)
    assert source.revision == MAIN
    assert source.download_bytes == source.bytes >= (tiny_model / "model.safetensors").stat().st_size
    assert model_hub.downloads == []
    assert list(tmp_path.iterdir()) == []


def test_a_model_is_fetched_once_and_opens(model_hub, tmp_path):
    folder = fetch(find_model("me/tiny", downloads=tmp_path), tmp_path)
    assert load_model(folder, ["a", "b", "c"]).num_labels == 3
    assert "README.md" not in model_hub.downloads and "onnx/model.safetensors" not in model_hub.downloads
    fetched = len(model_hub.downloads)
    again = find_model("me/tiny", MAIN, tmp_path)
    assert again.download_bytes == 0
    assert fetch(again, tmp_path) == folder
    assert len(model_hub.downloads) == fetched


def test_the_download_tells_how_far_it_is_and_counts_what_is_there_already(model_hub, tiny_model, tmp_path):
    source, told = find_model("me/tiny", downloads=tmp_path), []
    folder = fetch(source, tmp_path, told.append)
    assert told == sorted(told) and told[0] > 0 and told[-1] == source.download_bytes
    (folder / "complete").unlink()
    (folder / "model.safetensors").unlink()
    again = []
    fetch(source, tmp_path, again.append)
    there = source.bytes - (tiny_model / "model.safetensors").stat().st_size
    assert there < again[0] and again[-1] == source.download_bytes


def test_weights_that_only_the_hubs_own_program_converted_are_taken_at_a_pinned_commit(model_hub, tmp_path):
    source = find_model("me/offered", downloads=tmp_path)
    assert source.revision == COPY
    assert load_model(fetch(source, tmp_path), ["a", "b"]).num_labels == 2
    assert "pytorch_model.bin" not in model_hub.downloads
    assert find_model("me/offered", COPY, tmp_path).download_bytes == 0


@pytest.mark.parametrize("name, code", [
    ("me/pickled", "no_safetensors"), ("me/code", "remote_code"), ("me/gated", "gated"), ("me/closed", "gated"),
    ("me/absent", "no_such_model"), ("me/nothing", "no_such_model"), ("me/badtoken", "not_allowed"),
    ("me/down", "hub_error"), ("me/wordless", "no_tokenizer"), ("me/speech", "wrong_architecture"),
])  # fmt: skip
def test_what_the_hub_refuses_or_we_do_is_a_sentence_before_anything_is_fetched(model_hub, name, code):
    with pytest.raises(ModelError) as refusal:
        hub.look_up(name)
    assert refusal.value.code == code
    assert name in refusal.value.message and refusal.value.action
    assert model_hub.downloads == []


def test_a_version_that_is_not_there_is_a_sentence(model_hub):
    with pytest.raises(ModelError, match="no such version"):
        hub.look_up("me/tiny", "v9")


def test_code_that_only_the_files_tell_of_is_refused_before_it_is_opened(model_hub, tmp_path):
    with pytest.raises(ModelError, match="own program code"):
        fetch(find_model("me/hidden_code", downloads=tmp_path), tmp_path)


def test_a_hub_that_cannot_be_reached_is_a_sentence(monkeypatch):
    point_to("http://127.0.0.1:9", monkeypatch)
    with pytest.raises(ModelError, match="cannot be reached"):
        hub.look_up("me/tiny")


def test_a_hub_that_is_gone_before_the_download_is_a_sentence(model_hub, monkeypatch, tmp_path):
    from huggingface_hub.utils import _http

    source = find_model("me/tiny", downloads=tmp_path)
    point_to("http://127.0.0.1:9", monkeypatch)
    monkeypatch.setattr(_http.time, "sleep", lambda seconds: None)  # its pauses between its tries: 23 seconds
    with pytest.raises(ModelError, match="cannot be reached"):
        fetch(source, tmp_path)


@pytest.fixture
def deberta(tmp_path) -> dict[str, bytes]:
    """The files of a tiny DeBERTa as Microsoft published its kind: words in spm.model, no tokenizer.json."""
    import sentencepiece
    from transformers import DebertaV2Config, DebertaV2ForSequenceClassification

    folder = tmp_path / "deberta"
    config = DebertaV2Config(
        vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        relative_attention=True, position_buckets=16, norm_rel_ebd="layer_norm", share_att_key=True,
        pos_att_type=["p2c", "c2p"], type_vocab_size=0, position_biased_input=False,
    )  # fmt: skip
    DebertaV2ForSequenceClassification(config).save_pretrained(folder)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text for text, _ in easy_texts(500)]), model_prefix=str(folder / "spm"), vocab_size=90,
        pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]",
        unk_piece="[UNK]", hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    (folder / "spm.vocab").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False, "vocab_type": "spm"}))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_model_whose_words_lie_in_a_file_of_sentencepiece_reads_the_same_words(model_hub, deberta, tmp_path):
    import sentencepiece

    model_hub.repos = {
        **model_hub.repos,
        "me/deberta": {"files": deberta, "config": {"model_type": "deberta-v2"}},
    }
    folder = fetch(find_model("me/deberta", downloads=tmp_path), tmp_path)
    peer = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spm.model"))
    texts = [text for text, _ in easy_texts(20, seed=3)]
    for text, ids in zip(texts, load_tokenizer(folder)(texts)["input_ids"], strict=True):
        assert ids == [1, *peer.encode(text), 2]
    assert count_tokens(texts, folder).tolist() == [len(peer.encode(text)) + 2 for text in texts]
    assert load_model(folder, ["a", "b"]).num_labels == 2


def test_a_tokenizer_whose_making_was_broken_off_is_made_anew(model_hub, deberta, tmp_path, monkeypatch):
    def dies(tokenizer, folder, **_):
        Path(folder, "tokenizer.json").write_text('{"version": "1.')
        raise KeyboardInterrupt

    files = {"me/deberta": {"files": deberta, "config": {"model_type": "deberta-v2"}}}
    model_hub.repos = {**model_hub.repos, **files}
    source = find_model("me/deberta", downloads=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(PreTrainedTokenizerBase, "save_pretrained", dies)
        with pytest.raises(KeyboardInterrupt):
            fetch(source, tmp_path)
    folder = fetch(source, tmp_path)
    assert count_tokens(["a lamp"], folder) == len(load_tokenizer(folder)("a lamp")["input_ids"])
