"""What is reached without a transformer: by plain word counting, the bar that it has to clear, and by one answer for all."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from engine.errors import TrainingError
from engine.models import tfidf

NAME = "TF-IDF + logistic regression"


def word_counting(texts: Sequence[str], labels: Sequence[str], unseen: Sequence[str]) -> list[str]:
    """Train on texts and labels; the label predicted for each of `unseen`. Without a word to count: the most frequent."""
    try:
        return tfidf.fit(texts, labels, sorted(set(labels))).predict(unseen)
    except TrainingError:
        return [most_frequent(labels)] * len(unseen)


def most_frequent(labels: Iterable[str]) -> str:
    return Counter(labels).most_common(1)[0][0]


def always(found: Mapping, scores: Mapping) -> tuple[str, float]:
    """(the answer that one would give without a model, the share of texts for which it is right).

    It is the most frequent label of the training texts, which `found` tells, as metrics.json has it; where it does not, for
    a run of an older version or without a data set, that of the texts that were scored. scores: of these.
    """
    texts = {label: one["support"] for label, one in scores["per_class"].items()}
    label = found.get("most_frequent") or max(texts, key=texts.get)
    return label, texts.get(label, 0) / sum(texts.values())
