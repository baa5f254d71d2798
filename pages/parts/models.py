"""Which model to start from: five ways to one, each with what it costs, and a table to compare those worth trying."""

import tempfile
from pathlib import Path

import streamlit as st

from engine.data.datasets import DatasetInfo
from engine.figures import rounded
from engine.models.cards import BY_REFERENCE, CARDS, Card
from engine.models.catalogue import ModelSource, find_model
from engine.models.zips import unpack_model, uploaded_models
from pages.parts import cached, messages, state, words

ENGLISH = "English"  # of a card's languages
NO_BREAK = "\u00a0"  # a space at which no line ends
WAYS = {
    "bundled": "Bundled MiniLM",
    "tfidf": "Word counting (TF-IDF)",
    "hub": "Hugging Face hub",
    "folder": "A folder on this machine",
    "zip": "A ZIP of a model",
}


def choose(info: DatasetInfo) -> ModelSource | None:
    """The model that is chosen; what cannot be used is said here, before anything is queued."""
    way = st.radio(
        "Model",
        list(WAYS),
        format_func=WAYS.get,
        key="model_kind",
        horizontal=True,
        persist_state="session",
        help="A pretrained model already knows the language; training teaches it your labels. "
        "Word counting knows only your texts.",
    )
    compare()
    if way in BY_REFERENCE:
        card = BY_REFERENCE[way]
        st.caption(_about(card))
        for problem in cached.languages(str(state.workspace().root), info.id) if card.languages == ENGLISH else ():
            st.warning(
                f"{problem.sentence} This model was pretrained on English only. 'Compare the models' lists one for other "
                "languages.",
                icon=":material/translate:",
            )
        return find_model(way)
    reference = {"hub": _on_the_hub, "folder": _in_a_folder, "zip": _in_a_zip}[way]()
    if not reference:
        return None
    with state.reported():
        found = _looked_up(reference)
        cost = (
            f"{words.size(found.download_bytes)} will be downloaded once, when you start."
            if found.download_bytes
            else "No download is needed."
        )
        st.caption(f"{messages.plain(found.name)}: {words.size(found.bytes)}. {cost}")
        return found
    return None


def preset(reference: str) -> None:
    """Let the widgets show this model, when they are drawn next."""
    if reference in BY_REFERENCE and reference in WAYS:
        way = reference
    elif not Path(reference).is_absolute():
        way = "hub"
    else:
        way = "zip" if Path(reference).parent == state.workspace().uploaded_models else "folder"
    st.session_state["model_kind"] = way
    if way not in BY_REFERENCE:
        st.session_state[{"hub": "model_hub", "folder": "model_folder", "zip": "model_uploaded"}[way]] = reference


def compare() -> None:
    with st.expander("Compare the models", icon=":material/compare_arrows:"):
        st.table([_row(card) for card in CARDS], hide_index=True, alt="The models, each with its costs and its use")
        st.caption(
            "Time: relative to the bundled model on the same texts, calculated from the model's layers, not measured. "
            "Size: the approximate one-time download; you see the exact size before you start."
        )


def _row(card: Card) -> dict[str, str]:
    return {
        "Model": card.name,
        "When to use it": card.take_it,
        "Languages": card.languages,
        "Time": f"{rounded(card.times_bundled)} ×" if card.times_bundled else "seconds",
        "Size": words.size(card.bytes).replace(" ", NO_BREAK) if card.bytes else "none",
        "Parameters": f"{rounded(card.parameters / 1e6)} million" if card.parameters else "depends on the texts",
        "Licence": card.licence,
    }


def _about(card: Card) -> str:
    """One line; what is no neural network has no figures."""
    figures = f", {rounded(card.parameters / 1e6)} million parameters, {words.size(card.bytes)}" if card.parameters else ""
    return f"{card.languages}{figures}. {card.take_it}"


def _on_the_hub() -> str | None:
    reference = st.selectbox(
        "Name on the hub",
        [card.reference for card in CARDS if "/" in card.reference],
        index=None,
        key="model_hub",
        accept_new_options=True,
        persist_state="session",
        placeholder="Choose one, or type a name such as google-bert/bert-base-uncased",
    )
    if card := BY_REFERENCE.get(reference):
        st.caption(
            f"{_about(card)} {card.licence}. Takes about {rounded(card.times_bundled)} times as long as the bundled model."
        )
    return reference


def _in_a_folder() -> str | None:
    return st.text_input(
        "Folder",
        key="model_folder",
        persist_state="session",
        placeholder="/home/me/models/my-model",
        help="A folder that save_pretrained wrote, with safetensors weights.",
    )


def _in_a_zip() -> str | None:
    """The folder of a model that came as a ZIP: of the one uploaded just now, or of an earlier one."""
    turn = st.session_state.setdefault("turn_model", 0)
    file = st.file_uploader(
        "ZIP of a model",
        type=["zip"],
        key=f"upload_model_{turn}",
        help="A ZIP of a folder that save_pretrained wrote, with safetensors weights. All other files are ignored.",
    )
    place = state.workspace().uploaded_models
    if file is not None:
        folder = None
        with state.reported(), tempfile.TemporaryDirectory(dir=place.parent, prefix=".") as temporary:
            archive = Path(temporary, "archive")
            archive.write_bytes(file.getbuffer())
            folder = unpack_model(archive, file.name, place)
        if not folder:
            return None
        st.session_state.model_uploaded = str(folder)
        st.session_state.turn_model += 1
        st.rerun()
    there = [str(folder) for folder in uploaded_models(place)]
    if not there:
        return None
    return st.selectbox(
        "Uploaded models",
        there,
        format_func=lambda folder: Path(folder).name,
        key="model_uploaded",
        persist_state="session",
    )


@st.cache_data(max_entries=16, ttl=300, show_spinner="Looking at the model …")
def _looked_up(reference: str) -> ModelSource:
    return find_model(reference, downloads=state.workspace().downloads)
