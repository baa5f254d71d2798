"""The last texts that somebody tried a model with."""

from filelock import FileLock

from engine.paths import RunPaths, may_change, read_json, write_json, writing
from engine.serving.prediction import Prediction

KEPT = 10


def keep(paths: RunPaths, prediction: Prediction) -> None:
    """Remember a try. The same text again moves to the front; one that was typed on takes the place of its beginning."""
    may_change()
    newest = {"text": prediction.text, "label": prediction.label, "confidence": prediction.confidence}
    with writing(paths.folder), FileLock(paths.tries_lock):
        before = last(paths)
        others = before[1:] if before and prediction.text.startswith(before[0]["text"]) else before
        others = [one for one in others if one["text"] != prediction.text]
        tried = [newest, *others][:KEPT]
        if tried != before:
            write_json(paths.tries, {"tries": tried})


def last(paths: RunPaths) -> list[dict]:
    """text, label and confidence of up to ten tries, the newest first."""
    return read_json(paths.tries)["tries"] if paths.tries.exists() else []
