"""How to use what a run leaves: three lines for each, the same beside its button on the page and after its command."""

import shlex
from pathlib import Path

MODEL = ("{enter}", "pip install torch transformers", 'python predict.py "Where is my parcel?"')
HUB = (
    "hf auth login  # while only you can see it",
    "hf download {what} --local-dir my-model && pip install torch transformers",
    'python my-model/predict.py "Where is my parcel?"',
)
LINES = {
    "zip": MODEL,
    "folder": MODEL,
    "onnx": (
        "{enter}",
        "pip install onnxruntime tokenizers numpy",
        'python predict_onnx.py "Where is my parcel?"',
    ),
    "report": (
        "Open it in any browser: it needs no network and no Tuneboard.",
        "It quotes some of your texts: keep that in mind before you share it.",
        "To get a PDF or a paper copy, print it from the browser.",
    ),
    "notebook": (
        "{enter}",
        "pip install jupyterlab torch transformers pandas scikit-learn",
        "jupyter lab  # there: Run, Run All Cells",
    ),
    "settings": (
        "python3 start.py forecast DATA --config {what}",
        "python3 start.py train DATA --config {what}",
        "python3 start.py train DATA --config {what} --set epochs=5",
    ),
    "hub": HUB,
    "serve": (
        "export TUNEBOARD_API_KEY=secret  # choose another",
        "python3 start.py serve {what}",
        'curl http://127.0.0.1:8502/predict -H "Authorization: Bearer secret" --json \'{{"text": "Where is my parcel?"}}\'',
    ),
}
COUNTED = "python predict.py --file texts.txt > answers.csv"
WHEN_WORDS_ARE_COUNTED = {  # which needs Python and nothing else
    "zip": (MODEL[0], MODEL[2], COUNTED),
    "folder": (MODEL[0], MODEL[2], COUNTED),
    "notebook": (LINES["notebook"][0], "pip install jupyterlab pandas scikit-learn", LINES["notebook"][2]),
    "hub": (HUB[0], "hf download {what} --local-dir my-model", HUB[2]),
}
SENTENCES = {"report"}  # the lines of all others are typed into a terminal


def use(form: str, what: Path | str, counts_words: bool = False, inside: str = "") -> tuple[str, ...]:
    """The three lines. form: as `export` has it, or hub or serve.

    what: the file or folder that was written, the name on the hub, or the run to serve. inside: the folder in a ZIP, where
    it is not called as the ZIP is.
    """
    path = Path(what)
    enter = f"cd {shlex.quote(str(path.parent if path.suffix == '.ipynb' else path))}"
    if path.suffix == ".zip":
        enter = f"python -m zipfile -e {shlex.quote(str(path))} . && cd {shlex.quote(inside or path.stem)}"
    lines = {**LINES, **(WHEN_WORDS_ARE_COUNTED if counts_words else {})}[form]
    return tuple(line.format(enter=enter, what=shlex.quote(str(what))) for line in lines)
