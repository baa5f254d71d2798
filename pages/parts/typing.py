"""A text box that answers while one types: what is in it is sent after a short pause, without a click.

Streamlit sends a text area when one leaves it or presses Ctrl+Enter. A few lines in the page press that for whoever
pauses; without them (scripts blocked, an older browser) the box works as ever. Nothing is fetched from anywhere.

Leaving the box sends it too. Streamlit 1.67 puts all that changes within one moment into one message, for the fragment
of the first: a click elsewhere that comes with the leaving would redraw the box's fragment and nothing else, and the
press of a button or an opened expander would be lost. So a click that comes with any sending waits until that is gone.
"""

import streamlit as st

PAUSE_MS = 300
LEAVING_MS = 50
MOST_CHARACTERS = 20_000
SCRIPT = """
export default function ({ data }) {
  const box = document.querySelector(`.st-key-${data.key} textarea`)
  if (!box || box.dataset.sends) return
  box.dataset.sends = "after a pause"
  let timer
  const send = () => {
    timer = undefined
    hold()
    box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true }))
  }
  const soon = () => { timer = setTimeout(send, data.pause) }
  const later = (event) => {
    event.preventDefault()
    event.stopImmediatePropagation()
    const again = new MouseEvent("click", { bubbles: true, cancelable: true, view: window })
    setTimeout(() => event.target.dispatchEvent(again), data.leaving)
  }
  const hold = () => {
    document.addEventListener("click", later, { capture: true, once: true })
    setTimeout(() => document.removeEventListener("click", later, true), data.leaving)
  }
  box.addEventListener("input", (event) => {
    clearTimeout(timer)
    if (!event.isComposing) soon()
  })
  box.addEventListener("compositionend", soon)
  box.addEventListener("blur", () => { if (timer !== undefined) hold() })
  if (box.value && box === document.activeElement) soon()  // typed before we were here
}
"""


def send_after_a_pause(key: str) -> None:
    """key: of a text area on this page. Call it after the box."""
    sender = st.components.v2.component("send_after_a_pause", js=SCRIPT)
    sender(key=f"{key}_sender", data={"key": key, "pause": PAUSE_MS, "leaving": LEAVING_MS}, height=1)
