"""A text box that answers while one types: what is in it is sent after a short pause, without a click.

Streamlit sends a text area when one leaves it or presses Ctrl+Enter. A few lines in the page press that for whoever
pauses; without them (scripts blocked, an older browser) the box works as ever. Nothing is fetched from anywhere.
"""

import streamlit as st

PAUSE_MS = 300
MOST_CHARACTERS = 20_000
SCRIPT = """
export default function ({ data }) {
  const box = document.querySelector(`.st-key-${data.key} textarea`)
  if (!box || box.dataset.sends) return
  box.dataset.sends = "after a pause"
  let timer
  const send = () => box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true }))
  box.addEventListener("input", (event) => {
    clearTimeout(timer)
    if (!event.isComposing) timer = setTimeout(send, data.pause)
  })
  box.addEventListener("compositionend", () => { timer = setTimeout(send, data.pause) })
  if (box.value && box === document.activeElement) timer = setTimeout(send, data.pause)  // typed before we were here
}
"""


def send_after_a_pause(key: str) -> None:
    """key: of a text area on this page. Call it after the box."""
    sender = st.components.v2.component("send_after_a_pause", js=SCRIPT)
    sender(key=f"{key}_sender", data={"key": key, "pause": PAUSE_MS}, height=1)
