"""What plain word counting achieves on the same rows: the bar that a transformer has to clear."""

from collections.abc import Sequence

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

NAME = "TF-IDF + logistic regression"


def word_counting(texts: Sequence[str], labels: Sequence[str], unseen: Sequence[str]) -> list[str]:
    """Train on texts and labels; the label predicted for each of `unseen`."""
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b"),
        LogisticRegression(C=10.0, max_iter=1000),
    )
    return model.fit(list(texts), list(labels)).predict(list(unseen)).tolist()
