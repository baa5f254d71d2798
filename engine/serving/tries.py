"""The last texts that somebody tried a model with."""

from engine.paths import RunPaths, read_json, write_json
from engine.serving.prediction import Prediction

KEPT = 10


def keep(paths: RunPaths, prediction: Prediction) -> None:
    """Remember a try. The same text again moves to the front."""
    others = [one for one in last(paths) if one["text"] != prediction.text]
    newest = {"text": prediction.text, "label": prediction.label, "confidence": prediction.confidence}
    tried = [newest, *others][:KEPT]
    if tried != last(paths):
        write_json(paths.tries, {"tries": tried})


def last(paths: RunPaths) -> list[dict]:
    """text, label and confidence of up to ten tries, the newest first."""
    return read_json(paths.tries)["tries"] if paths.tries.exists() else []
