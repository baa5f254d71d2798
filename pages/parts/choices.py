"""What a person chose about an upload: kept on disk beside it, so that a refresh or another tab loses nothing."""

import hashlib
import json
from collections.abc import Callable

import streamlit as st

from engine.data import workbench
from engine.data.reading import Options
from engine.data.recipe import Recipe
from pages.parts import state


class Choices:
    """The choices about one upload. Widgets show them, and change them by `setter` or `put` in their callbacks."""

    def __init__(self, key: str):
        self.key = key
        self.values: dict = workbench.load_choices(state.workspace(), key)

    def get(self, name: str, default: object = None) -> object:
        return self.values.get(name, default)

    def put(self, **changes: object) -> None:
        """Set some; None takes a choice back."""
        self.values |= changes
        self.values = {name: value for name, value in self.values.items() if value is not None}
        if state.workspace().changeable:
            workbench.save_choices(state.workspace(), self.key, self.values)

    def widget(self, name: str) -> str:
        """The key of the widget that shows this choice; another one after the file was read in another way."""
        read_as = json.dumps([self.get("options", {}), st.session_state.get(f"forgotten_{self.key}")], sort_keys=True)
        return f"{name}_{self.key}_{hashlib.sha256(read_as.encode()).hexdigest()[:6]}"

    def setter(self, name: str, change: Callable[[object], object] = lambda value: value) -> Callable[[], None]:
        """A callback that takes the choice from its widget."""
        return lambda: self.put(**{name: change(st.session_state[self.widget(name)])})

    @property
    def options(self) -> Options:
        return Options(**self.get("options", {}))

    def set_option(self, name: str, value: object) -> None:
        options = {**self.get("options", {}), name: value}
        kept = {one: chosen for one, chosen in options.items() if chosen is not None}
        if name != "encoding" and self.get("edits"):
            st.toast("The rows may have moved, so your manual corrections were undone.", icon=":material/undo:")
            self.put(edits=None)
        self.put(options=kept or None)

    def forget(self) -> None:
        """As if the file had just been uploaded."""
        self.put(**dict.fromkeys(self.values))
        st.session_state[f"forgotten_{self.key}"] = st.session_state.get(f"forgotten_{self.key}", 0) + 1

    def recipe(self, text: list[str], label: str) -> Recipe:
        fields = Recipe.model_fields.keys() - {"text", "label"}
        chosen = {name: value for name, value in self.values.items() if name in fields}
        return Recipe(text=tuple(text), label=label, **chosen)
