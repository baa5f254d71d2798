"""The last texts that a visitor tried a model with: the visitor's own, and kept only as long as the page is open."""

from collections.abc import Sequence

from engine.serving.prediction import Prediction

KEPT = 10


def with_another(tried: Sequence[dict], prediction: Prediction) -> list[dict]:
    """text, label and confidence of up to ten tries, the newest first.

    The same text again moves to the front; one that was typed on takes the place of its beginning.
    """
    newest = {"text": prediction.text, "label": prediction.label, "confidence": prediction.confidence}
    others = tried[1:] if tried and prediction.text.startswith(tried[0]["text"]) else tried
    return [newest, *(one for one in others if one["text"] != prediction.text)][:KEPT]
