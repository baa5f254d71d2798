"""Who may come in: everybody, whoever knows the password, or whoever the login of .streamlit/secrets.toml knows."""

import hmac
import os
import time

import streamlit as st
from streamlit.errors import StreamlitAuthError

from engine import access
from pages.parts import messages

WRONG_SECONDS = 1.0  # that a wrong password costs, so that trying many takes long


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
    if hmac.compare_digest(given.encode(), os.environ[access.VARIABLE].encode()):
        st.session_state["knows_the_password"] = True
        st.rerun()
    time.sleep(WRONG_SECONDS)
    st.error("That is not the password.", icon=":material/lock:")


def _has_login() -> bool:
    """Whether OpenID Connect is set up: docs.streamlit.io/develop/concepts/connections/authentication."""
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets
