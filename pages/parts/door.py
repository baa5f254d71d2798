"""Who may come in: everybody, whoever knows the password, or whoever the login of .streamlit/secrets.toml knows."""

import hmac
import ipaddress
import os
import time
from dataclasses import dataclass, field
from threading import Lock

import streamlit as st
from streamlit.errors import StreamlitAuthError

from engine import access
from pages.parts import messages, words

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds after a wrong password; each further one doubles them
FORGOTTEN = 600.0  # seconds after which nothing is known of an address any more
MOST_ADDRESSES = 1000


@dataclass
class Guesses:
    """Wrong passwords so far, for all visitors of this server: a new tab does not begin anew.

    wrong: {where they came from: (how many in a row, until when no further one is looked at)}. Whoever guesses keeps out
    only those who come from the same address, and for a minute at most after the last guess that was looked at.
    """

    wrong: dict[str, tuple[int, float]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def wait(self, source: str) -> float:
        """Seconds until a password from there is looked at."""
        return max(0.0, self.wrong.get(source, (0, 0.0))[1] - time.monotonic())

    def opens(self, source: str, given: str, wanted: str) -> bool:
        """Whether `given` opens the door; nothing does while there is to `wait`."""
        with self.lock:
            if self.wait(source):
                return False
            if hmac.compare_digest(given.encode(), wanted.encode()):
                self.wrong.pop(source, None)
                return True
            now = time.monotonic()
            known = {one: found for one, found in self.wrong.items() if now - found[1] < FORGOTTEN}
            count = known.pop(source, (0, 0.0))[0]
            latest = sorted(known.items(), key=lambda one: one[1][1])[1 - MOST_ADDRESSES :]
            self.wrong = dict(latest) | {source: (count + 1, now + min(LONGEST_WAIT, FIRST_WAIT * 2**count))}
            return False


def is_open() -> bool:
    if _has_login() and not st.user.get("is_logged_in"):
        return False
    return not os.environ.get(access.VARIABLE) or bool(st.session_state.get("knows_the_password"))


def kept_by() -> tuple[str, str]:
    """(who may come in, what says so)"""
    return access.who(_has_login())


def ask() -> None:
    """What a visitor sees before the door."""
    st.title("Tuneboard")
    if _has_login() and not st.user.get("is_logged_in"):
        if st.button("Log in", type="primary", icon=":material/login:", key="login"):
            try:
                st.login()
            except StreamlitAuthError as error:
                st.error(f"The login is not set up: {messages.plain(error)}", icon=":material/lock:")
        return
    with st.form("door", width=400):
        given = st.text_input("Password", type="password", key="password")
        asked = st.form_submit_button("Open", type="primary", icon=":material/lock_open:", key="open_door")
    if not asked:
        return
    source, before = _source(), _guesses().wait(_source())
    if _guesses().opens(source, given, os.environ[access.VARIABLE]):
        st.session_state["knows_the_password"] = True
        st.rerun()
    said = "A wrong password was entered a moment ago" if before else "Wrong password"
    left = words.duration(max(1.0, _guesses().wait(source)))
    st.error(f"{said}. Try again in {left}.", icon=":material/lock:", width=400)


def leave() -> None:
    """For whoever came in by the login of an organisation: who that is, and the way out."""
    if _has_login():
        name = st.user.get("email") or st.user.get("name")
        st.caption(f"Logged in as {messages.plain(str(name))}." if name else "Logged in.")
        st.button("Log out", icon=":material/logout:", key="logout", on_click=st.logout)


@st.cache_resource(show_spinner=False)
def _guesses() -> Guesses:
    return Guesses()


def _source() -> str:
    """Where this visitor comes from, as far as Streamlit tells: this machine and a proxy on it are one address.

    Of IPv6 the network, since one household has more addresses than could be kept; IPv4 may come written as IPv6.
    """
    address = st.context.ip_address or ""
    if ":" not in address:
        return address
    written_as_ipv6 = ipaddress.IPv6Address(address).ipv4_mapped
    return str(written_as_ipv6 or ipaddress.ip_network(f"{address}/64", strict=False))


def _has_login() -> bool:
    """Whether OpenID Connect is set up: docs.streamlit.io/develop/concepts/connections/authentication."""
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets
