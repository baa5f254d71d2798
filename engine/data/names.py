"""How people call their columns, in the languages that we know it of."""

TEXT_NAMES = {
    "text", "texts", "sentence", "review", "reviews", "message", "comment", "comments", "content", "tweet", "body",
    "question", "description", "utterance", "document", "title", "sms", "feedback", "query", "post", "abstract",
    "headline", "subject", "summary", "answer_text", "content_text", "texte", "phrase", "avis", "texto", "frase",
    "reseña", "comentario", "satz", "nachricht", "kommentar", "bewertungstext", "testo", "recensione", "tekst",
    "metin", "yorum", "görüş", "文本", "评论", "内容", "текст", "отзыв",
}  # fmt: skip
LABEL_NAMES = {
    "label", "labels", "class", "classes", "category", "categories", "cats", "sentiment", "target", "topic", "intent",
    "emotion", "polarity", "type", "tag", "tags", "y", "spam", "label_name", "answer", "kategorie", "klasse",
    "etikett", "thema", "label_text", "étiquette", "catégorie", "sentimiento", "etiqueta", "categoría", "clase",
    "categoria", "etichetta", "klasa", "etiket", "durum", "duygu", "sınıf", "标签", "类别", "метка", "класс",
    "тональность", "gold", "annotation", "stance", "subreddit", "rating", "stars", "score",
}  # fmt: skip
STRONG_LABEL_NAMES = {
    "label",
    "labels",
    "class",
    "sentiment",
    "polarity",
    "target",
    "label_name",
    "intent",
    "emotion",
}
SPLIT_COLUMN_NAMES = {"split", "set", "subset", "fold", "partition", "part"}
OTHER_NAMES = {
    "id",
    "index",
    "idx",
    "name",
    "date",
    "user",
    "author",
    "source",
    "url",
    "lang",
    "language",
    "file",
    "meta",
    "nr",
}
SPLITS = {
    "train": "train",
    "training": "train",
    "valid": "validation",
    "validation": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "holdout": "test",
    "eval": "validation",
}


def split_of(value: str) -> str | None:
    """'Dev' -> 'validation'; None for a word that names no split."""
    return SPLITS.get(value.strip().lower())
