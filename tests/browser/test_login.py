"""The login of an organisation, by a provider that runs on this machine."""

import pytest

from tests import oidc_standin
from tests.browser.conftest import Server


@pytest.fixture
def provider():
    pytest.importorskip("authlib")
    provider = oidc_standin.Provider()
    yield provider
    provider.shutdown()


@pytest.fixture
def server(workspace, provider, tmp_path):
    server = Server(workspace.root, as_users_do=False)
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(provider.secrets(server.url))
    server.options = ["--secrets.files", str(secrets)]
    server.start()
    yield server
    server.kill()


def log_in(visitor, answer: str = "I am Ada") -> None:
    visitor.press("Log in")
    visitor.page.get_by_role("link", name=answer).click()
    visitor.page.wait_for_url(f"{visitor.url}/**")
    visitor.settle()


def is_outside(visitor) -> bool:
    visitor.page.get_by_role("button", name="Log in").wait_for()  # a page that has not begun shows neither
    return not visitor.page.locator("[data-testid='stSidebarNav']").is_visible()


def test_only_whom_the_provider_knows_comes_in(visit, provider):
    from joserfc.jwk import RSAKey

    visitor = visit().open("runs")
    assert is_outside(visitor)
    log_in(visitor, "I am not")
    assert is_outside(visitor)
    honest, provider.signs_with = provider.signs_with, RSAKey.generate_key(2048, {"kid": provider.key.kid})
    log_in(visitor)
    assert is_outside(visitor)  # somebody else signed the token

    provider.signs_with = honest
    log_in(visitor)
    visitor.open("settings")
    visitor.see("Logged in as ada@")  # and an invisible sign, so that no link is made of it
    assert is_outside(visit().open("settings"))  # another browser
    visitor.press("Log out")
    visitor.page.get_by_role("button", name="Log in").wait_for()
    assert is_outside(visitor.open("settings"))
