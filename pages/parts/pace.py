"""How often a page looks again: every second for a few visitors, less often for many, so that the training is not slowed."""

import time
import uuid

import streamlit as st

FEW = 6  # visitors up to which nothing is slowed; twice as many look half as often
GONE_SECONDS = 30.0  # after its last look a visitor does not count any more


@st.cache_resource(show_spinner=False)
def _looks() -> dict[str, float]:
    """When each visitor looked last, by an id of the session's own."""
    return {}


def seconds(least: float) -> float:
    """The time between two looks that are worth `least` seconds to a single visitor."""
    looks, now = _looks(), time.monotonic()
    looks[st.session_state.setdefault("visitor", uuid.uuid4().hex)] = now
    for one, last in list(looks.items()):
        if now - last > GONE_SECONDS:
            looks.pop(one, None)
    return least * max(1.0, round(2 * len(looks) / FEW) / 2)
