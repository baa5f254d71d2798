"""Where the dashboard listens, to which names it answers, and who may come in: as files and variables say, without a server.

A server that runs may have been started otherwise; its Settings page knows. Each fact is (what it is, what says so).
"""

import os
import tomllib
from pathlib import Path

from engine.errors import SettingsError
from engine.paths import Workspace

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = "TUNEBOARD_PASSWORD"  # the name of the variable
DEFAULT = "Default"
EVERY_ADDRESS, EVERY_NAME = "Every address of this machine", "Any name"


def facts(workspace: Workspace) -> dict[str, tuple[str, str]]:
    """All of them, by what they are about. Raises SettingsError where a file cannot be read."""
    return {
        "listens": server("address", EVERY_ADDRESS),
        "names": server("allowedHosts", EVERY_NAME),
        "who": who(has_login()),
        "visitors": visitors(workspace),
        "theme": ("As each browser chooses", "Each browser"),
    }


def place(workspace: Workspace) -> tuple[str, str]:
    return str(workspace.root), _variable("TUNEBOARD_HOME", bool(os.environ.get("TUNEBOARD_HOME")))


def visitors(workspace: Workspace) -> tuple[str, str]:
    """What they may do."""
    looks = not workspace.changeable
    return "View, evaluate and predict" if looks else "Everything", _variable("TUNEBOARD_READ_ONLY", looks)


def who(login: bool) -> tuple[str, str]:
    """Who may come in. login: whether that of an organisation is set up."""
    keys = {}
    if login:
        keys["logs in"] = ".streamlit/secrets.toml"
    if os.environ.get(VARIABLE):
        keys["knows the password"] = f"Variable {VARIABLE}"
    if not keys:
        return "Everyone who can reach this address", DEFAULT
    return f"Anyone who {' and '.join(keys)}", ", ".join(keys.values())


def has_login() -> bool:
    return any("auth" in found for found in _written("secrets.toml"))


def server(option: str, otherwise: str) -> tuple[str, str]:
    """An option of Streamlit's server. otherwise: what holds where nobody says anything."""
    variable = f"STREAMLIT_SERVER_{'ALLOWED_HOSTS' if option == 'allowedHosts' else option.upper()}"
    if os.environ.get(variable):
        return os.environ[variable], f"Variable {variable}"
    for found in _written("config.toml"):
        if value := found.get("server", {}).get(option):
            return ", ".join(value) if isinstance(value, list) else value, ".streamlit/config.toml"
    return otherwise, DEFAULT


def _variable(name: str, decides: bool) -> str:
    return f"Variable {name}" if decides else DEFAULT


def _written(name: str) -> list[dict]:
    """What the files of this name hold where Streamlit looks; the first one wins. Raises SettingsError."""
    paths = [folder / ".streamlit" / name for folder in (ROOT, Path.home())]
    try:
        return [tomllib.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
    except ValueError as error:
        raise SettingsError({f".streamlit/{name}": f"cannot be read as TOML ({error})."}) from error
