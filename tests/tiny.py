"""A whole transformer that trains in a second: two layers, width 32, with a tokenizer made on the spot."""

from pathlib import Path

from tests.words import easy_texts

WORDS = 400
# Whatever else becomes a classifier, by what its configuration calls its sizes; all of them small.
IDS = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
TWO_SIDED = {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 128, "decoder_start_token_id": 3,
}  # fmt: skip
OTHERS = {
    "bart": {**IDS, **TWO_SIDED},
    "t5": {**IDS, "d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 128, "bos_token_id": 3, "eos_token_id": 3},
    "albert": {
        **IDS, "hidden_size": 32, "embedding_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 64, "max_position_embeddings": 128,
    },
    "modernbert": {
        **IDS, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
        "max_position_embeddings": 128, "cls_token_id": 2, "sep_token_id": 3, "classifier_pooling": "mean",
    },
}  # fmt: skip


def build(folder: Path) -> Path:
    """Write a Hugging Face folder of a small BERT with random weights; its words are the made-up ones."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    texts = [text for text, _ in easy_texts(2000)]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=WORDS, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    named = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=128, **named).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=128,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def build_other(kind: str, tiny_model: Path, folder: Path) -> Path:
    """Write a small model of another architecture, with the tokenizer of the folder `tiny_model`."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    if kind == "gpt2":  # as it was published: it knows an end, and nothing to fill up with
        tokenizer.pad_token, tokenizer.eos_token = None, "[SEP]"
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, vocab_size=len(tokenizer), **OTHERS[kind])
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
