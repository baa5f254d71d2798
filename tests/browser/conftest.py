"""A real server and a real browser (Debian's Chromium). Without a browser these tests are skipped."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from engine.runs import queue
from tests import forked

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = [
    "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
FORKING = "from tests import forked; forked.substitute(); from streamlit.web.cli import main; main()"
# Streamlit's client looks for its server below the address it was opened at, and takes the 404 for "not here".
HARMLESS = ("Failed to load resource: the server responded with a status of 404",)


def find_browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Server:
    """The dashboard as a process of its own, which can be killed and started again on the same port."""

    def __init__(self, workspace: Path, as_users_do: bool = True):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.workspace, self.url = workspace, f"http://127.0.0.1:{self.port}"
        self.program, self.options = ["-m", "streamlit"], []
        if not as_users_do:
            forked.addresses()
            self.program = ["-c", FORKING]
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        options = ["--server.port", str(self.port), *self.options]
        command = [sys.executable, *self.program, "run", "app.py", *options]
        with (self.workspace / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={**os.environ, "TUNEBOARD_HOME": str(self.workspace)},
            )
        for _ in range(300):
            try:
                urllib.request.urlopen(self.url + "/_stcore/health", timeout=1)
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError((self.workspace / "server.log").read_text())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Visitor:
    """A tab, with the few gestures that the tests make, and everything that went wrong in it."""

    def __init__(self, context, url: str):
        self.page, self.url, self.errors, self.elsewhere = context.new_page(), url, [], []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: request.url.startswith((url, "data:", "blob:", url.replace("http", "ws")))
                     or self.elsewhere.append(request.url))  # fmt: skip

    def _note(self, message) -> None:
        if message.type == "error" and not message.text.startswith(HARMLESS):
            self.errors.append(message.text)

    def open(self, path: str = "") -> "Visitor":
        self.page.goto(f"{self.url}/{path}", wait_until="domcontentloaded")
        self.settle()
        return self

    def settle(self) -> None:
        app = "[data-testid='stApp'][data-test-connection-state='CONNECTED']"
        self.page.wait_for_selector(f"{app}[data-test-script-state='notRunning']", timeout=120_000)

    def see(self, text: str, seconds: float = 60) -> None:
        self.page.get_by_text(text).first.wait_for(timeout=seconds * 1000)

    def press(self, name: str) -> None:
        ours = self.page.locator("button:not([kind=header])")  # Streamlit's own: "Stop", while it draws
        button = self.page.get_by_role("button", name=name, exact=True).and_(ours)
        place, before = button.bounding_box(), None
        while place != before:  # what moves away between the two halves of a click does not get it
            self.page.wait_for_timeout(200)
            place, before = button.bounding_box(), place
        button.click()

    def choose(self, label: str, option: str) -> None:
        box, wanted = (
            self.page.get_by_role("combobox", name=label),
            self.page.get_by_role("option", name=option, exact=True),
        )
        box.click()
        self.page.wait_for_timeout(300)
        if not wanted.is_visible():  # the page was drawn once more, which closes the list
            self.settle()
            box.click()
        wanted.click()

    def choose_below(self, label: str) -> None:
        """The option below the chosen one, or the first one, by keys alone; as slowly as the page follows."""
        box = self.page.get_by_role("combobox", name=label, exact=True)
        marked = self.page.locator(f"input[aria-label='{label}'][aria-activedescendant]")
        for _ in range(5):
            self.settle()
            box.press("ArrowDown")
            self.page.wait_for_timeout(300)
            if marked.is_visible():  # else the page was drawn once more, which closes the list
                break
        box.press("Enter")
        marked.wait_for(state="detached")
        self.settle()

    def unfold(self, title: str) -> None:
        """Open an expander; a click can miss it while what is above it grows."""
        for _ in range(5):
            self.settle()
            if self.page.locator("details[open] > summary", has_text=title).count():
                return
            self.page.locator("summary", has_text=title).first.click()
            self.page.wait_for_timeout(500)
        raise AssertionError(f"{title} does not open")

    def leave(self) -> None:
        """Close the tab; the test fails if anything went wrong in it, or if it asked another machine for anything."""
        assert self.page.locator("[data-testid='stException']").count() == 0
        self.page.close()
        assert self.errors == []
        assert self.elsewhere == []


@pytest.fixture
def server(workspace, as_users_do):
    server = Server(workspace.root, as_users_do)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api")
    executable = find_browser()
    if not executable:
        pytest.skip("no Chromium on this machine; python3 start.py test installs it where it can")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, server):
    """visit() opens a new tab on the dashboard; options go to the browser's context, such as color_scheme."""
    contexts = []

    def visit(**options) -> Visitor:
        contexts.append(chromium.new_context(viewport={"width": 1280, "height": 900}, **options))
        return Visitor(contexts[-1], server.url)

    visit.contexts = contexts
    yield visit
    for context in contexts:
        context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """With a failure: what stood on the open pages, how the runs were, and what the server said."""
    report = yield
    if report.when == "call" and report.failed and "visit" in item.funcargs:
        pages = [page for context in item.funcargs["visit"].contexts for page in context.pages]
        for page in pages:
            lines = page.inner_text("body", timeout=5_000).splitlines()
            report.sections.append((page.url, "\n".join(filter(None, lines))))
        workspace = item.funcargs["workspace"]
        report.sections.append(("Runs", "\n".join(map(str, queue.list_runs(workspace)))))
        report.sections.append(("Server", (workspace.root / "server.log").read_text()[-4_000:]))
    return report
