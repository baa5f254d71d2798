"""How people call their columns, in the languages that we know it of."""

TEXT_NAMES = {
    "text", "texts", "sentence", "review", "reviews", "message", "comment", "comments", "content", "tweet", "body",
    "question", "description", "utterance", "document", "title", "sms", "feedback", "query", "post", "abstract",
    "headline", "subject", "summary", "answer_text", "content_text", "texte", "phrase", "avis", "texto", "frase",
    "reseña", "comentario", "satz", "nachricht", "kommentar", "bewertungstext", "testo", "recensione", "tekst",
    "metin", "yorum", "görüş", "文本", "评论", "内容", "текст", "отзыв",
}  # fmt: skip
# Such a column may hold the labels, if no other has a better name.
WEAK_LABEL_NAMES = {
    "rating", "stars", "score", "type", "answer", "tags", "tag", "y", "gold", "spam",
}  # fmt: skip
# Words that speak for a column, but stand in texts and cells as well.
MAYBE_LABEL_NAMES = {
    "kind", "overall", "genre", "department", "queue", "reason", "issue", "product", "verdict", "outcome", "satisfaction",
    "toxic", "toxicity", "hate", "offensive", "sarcastic", "sarcasm", "relevant", "helpful", "recommend", "recommended",
    "abteilung", "bereich", "bewertung", "grund", "stimmung", "zufriedenheit", "motif", "motivo", "genere", "género",
}  # fmt: skip
LABEL_NAMES = WEAK_LABEL_NAMES | {
    "label", "labels", "class", "classes", "category", "categories", "cats", "sentiment", "target", "topic", "intent",
    "emotion", "polarity", "label_name", "kategorie", "klasse",
    "etikett", "thema", "label_text", "étiquette", "catégorie", "sentimiento", "etiqueta", "categoría", "clase",
    "categoria", "etichetta", "klasa", "etiket", "durum", "duygu", "sınıf", "标签", "类别", "метка", "класс",
    "тональность", "annotation", "stance", "subreddit", "accept", "choices",
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
# What else is known of a text, and is rarely what somebody wants to learn of it.
BESIDE_NAMES = {
    "user", "username", "author", "lang", "language", "locale", "gender", "sex", "age", "country", "region", "state",
    "city", "location", "channel", "source", "platform", "device", "browser", "version", "store", "branch", "verified",
    "status", "filiale", "sprache", "geschlecht", "alter", "land", "ort", "quelle", "idioma", "langue", "pays", "país",
}  # fmt: skip
TIME_NAMES = {
    "date", "time", "day", "month", "year", "week", "timestamp", "datum", "jahr", "monat", "fecha", "année", "año",
}  # fmt: skip
ID_NAMES = {"id", "ids", "uuid", "guid", "key"}
# Texts of somebody who had read the other one: they are not there yet when the model is asked.
ANSWER_NAMES = {
    "reply", "response", "resolution", "solution", "agent", "antwort", "lösung", "réponse", "respuesta", "risposta",
}  # fmt: skip
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
