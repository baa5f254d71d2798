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
    "satisfied", "final", "consensus", "majority",
    "toxic", "toxicity", "hate", "offensive", "sarcastic", "sarcasm", "relevant", "helpful", "recommend", "recommended",
    "mood", "nature", "section", "team", "cause", "fault", "hazard", "theme", "disposition",
    "abteilung", "bereich", "bewertung", "grund", "stimmung", "zufriedenheit", "typ", "art", "anliegen", "rubrik", "ressort",
    "motif", "rubrique", "domaine", "motivo", "genere", "género", "tipo", "tipologia", "sección", "sezione",
    "departamento", "área", "materia", "settore", "setor", "ambito", "rodzaj", "powód", "przyczyna", "dział", "ocena",
    "tür", "türü", "neden", "departman", "birim", "puan", "тип", "причина", "раздел", "отдел", "рубрика", "оценка",
    "подразделение", "тема", "temat", "konu", "assunto", "onderwerp", "ämne", "主题", "주제", "الموضوع",
    "soort", "reden", "afdeling", "orsak", "avdelning", "ärendetyp", "種別", "区分", "タイプ", "ジャンル", "評価", "部署",
    "类型", "部门", "评分", "유형", "부서", "평점", "النوع", "القسم",
}  # fmt: skip
# How names end that are written as one word: Beschwerdegrund, 问题分类.
LABEL_ENDINGS = (
    "kategorie", "kategorien", "grund", "typ", "klasse", "sart", "rart", "deart", "geart",
    "類別", "类别", "分類", "分类", "类型", "種別", "ラベル", "标签",
    "유형", "분류",
)  # fmt: skip
LABEL_NAMES = WEAK_LABEL_NAMES | {
    "label", "labels", "class", "classes", "category", "categories", "cats", "sentiment", "target", "topic", "intent",
    "emotion", "polarity", "label_name", "label_text", "annotation", "stance", "subreddit",
    "classification", "diagnosis",
    "kategorie", "kategorien", "klasse", "etikett", "thema", "themengebiet", "themenbereich", "einstufung", "klassifikation",
    "klassifizierung", "tonalität", "diagnose", "absicht",
    "étiquette", "libellé", "catégorie", "catégories", "thème", "thématique", "classe", "polarité", "tonalité",
    "sentimiento", "etiqueta", "categoría", "categorías", "clase", "clasificación", "tema", "temática", "polaridad",
    "categoria", "categorie", "etichetta", "classificazione", "sentimento", "argomento", "rótulo", "classificação",
    "klasa", "kategoria", "etykieta", "sentyment", "wydźwięk", "kategori", "etiket", "duygu", "sınıf",
    "метка", "класс", "категория", "тематика", "тональность", "klass",
    "标签", "类别", "分类", "情感", "意图", "分類", "カテゴリ", "カテゴリー", "ラベル", "感情", "トピック",
    "kategória", "luokka", "κατηγορία", "категорія",
    "카테고리", "분류", "라벨", "감정", "التصنيف", "الفئة", "المشاعر",
}  # fmt: skip
# Whole names of columns in which tools for annotation write the labels, and of those in which they may.
TOOLS_LABEL_NAMES = {"accept", "choices"}
MAYBE_TOOLS_LABEL_NAMES = {"code", "codes", "kode", "código", "codice", "код"}
# What several people agreed on is better than what each of them said.
AGREED_NAMES = {"gold", "final", "consensus", "majority", "agreed"}
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
    "фио", "имя", "assigned", "assignee", "owner", "reporter", "bearbeiter",
    "priority", "severity", "urgency", "priorität", "dringlichkeit", "priorité", "urgence", "prioridad", "urgencia",
    "priorità", "priorytet", "öncelik", "приоритет", "prioridade", "prioritet", "prioriteit", "優先度", "优先级", "우선순위",
    "الأولوية", "statut", "estado", "stato", "статус", "situação", "状態", "状态", "상태", "الحالة", "kanal", "canal",
    "canale", "durum", "kanał", "канал", "渠道", "채널",
}  # fmt: skip
TIME_NAMES = {
    "date", "time", "day", "month", "year", "week", "timestamp", "datum", "jahr", "monat", "fecha", "année", "año",
}  # fmt: skip
COUNT_NAMES = {
    "votes", "likes", "dislikes", "shares", "retweets", "replies", "views", "clicks", "count", "counts", "number", "num",
    "anzahl", "nombre", "número", "numero", "aantal", "liczba", "количество", "数量",
}  # fmt: skip
ID_NAMES = {"id", "ids", "uuid", "guid", "key"}
# Texts of somebody who had read the other one: they are not there yet when the model is asked.
ANSWER_NAMES = {
    "reply", "response", "resolution", "solution", "agent", "internal", "antwort", "lösung", "maßnahme", "stellungnahme",
    "réponse", "respuesta", "solución", "risposta", "soluzione", "resposta", "solução", "odpowiedź", "rozwiązanie", "cevap",
    "yanıt", "çözüm", "ответ", "решение", "antwoord", "oplossing", "svar", "lösning", "回答", "返信", "回复", "答复",
    "답변", "الرد",
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
SPLIT_WORDS = {
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
    return SPLIT_WORDS.get(value.strip().lower())
