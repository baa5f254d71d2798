"""How soon the first answer stands on the Predict page: python -m benchmarks.first_answer [--repeats 5]

The bundled model learns the sample "support" (its head alone), the dashboard is started anew each time, and Chromium opens
the Predict page, pastes a text of 30 words and presses Ctrl+Enter as soon as its box is there. Seconds from entering the
address until the box is there, and from then until the answer is: for the first visitor of a new server, for whom torch and
the model have to be loaded, and for the next one, in a browser window of its own that knows nothing of the dashboard yet.
Medians, and the longest. Needs playwright and a Chromium, as the tests do.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from benchmarks.dashboard import Dashboard
from benchmarks.resume_cost import until
from engine.data.datasets import save
from engine.data.drafting import draft
from engine.data.recipe import Recipe
from engine.data.samples import read_sample
from engine.paths import Workspace
from engine.runs import queue
from engine.settings import TrainingConfig
from tests.browser.conftest import BROWSERS, QUIET, find_browser

TEXT = " ".join(["My parcel has been under way for two weeks and nobody answers when I ask where it is,"] * 2)
VISITORS = ("the first visitor of a new server", "the next visitor")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    program = find_browser()
    if not program:
        raise SystemExit(f"There is no Chromium here; one of these is needed: {', '.join(BROWSERS)}.")
    with tempfile.TemporaryDirectory(prefix="tuneboard-benchmark-") as folder, sync_playwright() as driver:
        workspace = Workspace.open(Path(folder) / "workspace")
        run_id = trained(workspace)
        browser = driver.chromium.launch(executable_path=program, args=QUIET)
        found: dict[str, list[tuple[float, float]]] = {who: [] for who in VISITORS}
        for _ in range(asked.repeats):
            with Dashboard(workspace.root) as server:
                for who in VISITORS:
                    found[who].append(first_answer(browser, f"http://127.0.0.1:{server.port}/predict?run={run_id}"))
        browser.close()
    print("| | page open after | first answer after that | at most |\n| --- | --- | --- | --- |")
    for who, times in found.items():
        opened, answered = zip(*times, strict=True)
        median = statistics.median
        print(f"| {who} | {median(opened):.2f} s | {median(answered):.2f} s | {max(answered):.2f} s |")


def trained(workspace: Workspace) -> str:
    """The run of a model that can be asked."""
    info = save(workspace, draft(read_sample("support"), Recipe(text="text", label="label")))
    config = TrainingConfig(method="head", learning_rate=0.01)
    run = queue.submit(workspace, config, dataset_id=info.id, dataset_name=info.name, model_name="bundled")
    return until(workspace, run.id, lambda run: run.status.ended).id


def first_answer(browser: Browser, address: str) -> tuple[float, float]:
    """(seconds until the page is open, seconds from then until it says what the model makes of a text)"""
    context = browser.new_context()
    page = context.new_page()
    start = time.monotonic()
    page.goto(address)
    box = page.get_by_role("textbox", name="Your text")
    box.wait_for()
    opened = time.monotonic()
    box.fill(TEXT)
    box.press("Control+Enter")
    page.locator(".st-key-answer").get_by_text("The model says").wait_for(timeout=60_000)
    answered = time.monotonic()
    context.close()
    return opened - start, answered - opened


if __name__ == "__main__":
    main()
