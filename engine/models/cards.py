"""Models that are worth trying first: what each is, what it costs, and when to take it.

Add one by adding a card. Times are computed, not measured: multiplications for one token in all layers (attention's
four square matrices, and two of the feed-forward part, three where it is gated), as a multiple of the bundled model's.
"""

from dataclasses import dataclass

from engine.models import tfidf


@dataclass(frozen=True)
class Layers:
    """count: of layers. width: of a token's vector. inner: of the feed-forward part. gated: it has a third matrix."""

    count: int
    width: int
    inner: int
    gated: bool = False

    @property
    def multiplications(self) -> int:
        """For one token; with the attention between tokens left out, which is little for texts of usual length."""
        feed_forward = (3 if self.gated else 2) * self.width * self.inner
        return self.count * (4 * self.width**2 + feed_forward)


@dataclass(frozen=True)
class Card:
    """reference: what find_model takes. parameters: all of them, with the word vectors. bytes: of the weights to fetch.

    tokens: the longest text that it reads. layers: None for what is no neural network; so are the other figures then.
    """

    reference: str
    name: str
    languages: str
    licence: str
    take_it: str
    parameters: int | None = None
    bytes: int | None = None
    tokens: int | None = None
    layers: Layers | None = None

    @property
    def times_bundled(self) -> float | None:
        """How much longer than the bundled model it computes on the same texts."""
        return self.layers.multiplications / BUNDLED.multiplications if self.layers else None


BUNDLED = Layers(6, 384, 1536)
BERT, HALF_BERT = Layers(12, 768, 3072), Layers(6, 768, 3072)
CARDS = (
    Card(
        "bundled",
        "MiniLM (bundled)",
        "English",
        "Apache-2.0",
        "As the first choice, and whenever time matters. No download is needed.",
        22_700_000,
        91_000_000,
        512,
        BUNDLED,
    ),
    Card(
        tfidf.REFERENCE,
        tfidf.NAME,
        "Any language with spaces between words",
        "None needed",
        "As the baseline for every other model: it takes seconds, and a model that does not beat it is not worth its time.",
    ),
    Card(
        "distilbert/distilbert-base-uncased",
        "DistilBERT",
        "English",
        "Apache-2.0",
        "When the bundled model is not good enough: nearly as good as BERT in half the time.",
        66_400_000,
        268_000_000,
        512,
        HALF_BERT,
    ),
    Card(
        "google-bert/bert-base-uncased",
        "BERT base",
        "English",
        "Apache-2.0",
        "The classic, to compare with published results.",
        109_500_000,
        440_000_000,
        512,
        BERT,
    ),
    Card(
        "answerdotai/ModernBERT-base",
        "ModernBERT base",
        "English, and code",
        "Apache-2.0",
        "For long texts: it reads 16 times as many tokens as the others.",
        149_000_000,
        599_000_000,
        8192,
        Layers(22, 768, 1152, gated=True),
    ),
    Card(
        "microsoft/deberta-v3-small",
        "DeBERTa-v3 small",
        "English",
        "MIT",
        "For better scores than BERT with fewer layers. It is somewhat slower than the time says.",
        141_300_000,
        286_000_000,
        512,
        HALF_BERT,
    ),
    Card(
        "microsoft/deberta-v3-base",
        "DeBERTa-v3 base",
        "English",
        "MIT",
        "For the best scores, if you have a graphics card. It is somewhat slower than the time says.",
        183_800_000,
        371_000_000,
        512,
        BERT,
    ),
    Card(
        "distilbert/distilbert-base-multilingual-cased",
        "DistilBERT multilingual",
        "104 languages",
        "Apache-2.0",
        "For texts that are not English, or in several languages.",
        134_700_000,
        542_000_000,
        512,
        HALF_BERT,
    ),
)
BY_REFERENCE = {card.reference: card for card in CARDS}
