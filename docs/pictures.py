"""Takes the README's pictures anew, from the real dashboard: .venv/bin/python -m docs.pictures (about three minutes)."""

import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from engine.data.datasets import save
from engine.data.drafting import draft
from engine.data.recipe import Recipe
from engine.data.samples import read_sample
from engine.paths import Workspace
from engine.runs import queue
from engine.training.plan import plan
from tests.browser.conftest import QUIET, Server, Visitor, find_browser
from tests.engine.runs.helpers import wait

FOLDER = Path(__file__).parent / "screenshots"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        workspace = Workspace.open(folder)
        server = Server(workspace.root)
        server.start()
        browser = playwright.chromium.launch(executable_path=find_browser(), args=QUIET)
        try:
            light, dark = (
                Visitor(
                    browser.new_context(viewport={"width": 1280, "height": 1150}, color_scheme=scheme),
                    server.url,
                )
                for scheme in ("light", "dark")
            )
            take(light, dark, workspace)
        finally:
            browser.close()
            server.kill()


def take(light: Visitor, dark: Visitor, workspace: Workspace) -> None:
    light.open()
    light.press("Sample: support")
    light.see("Class balance")
    snap(light.page, "data")
    info = save(workspace, draft(read_sample("support"), Recipe(text="text", label="label"), name="support"))
    light.open(f"train?dataset={info.id}")
    light.see("of memory", 240)  # what the run would take
    snap(light.page, "train")
    planned = plan(workspace, info, "bundled", "balanced")
    run = queue.submit(workspace, planned.config(), dataset_id=info.id, dataset_name=info.name,
                       model_name=planned.source.name)  # fmt: skip
    light.open(f"runs?run={run.id}")
    wait(workspace, run.id, lambda run: run.phase == "training" and run.step > 0.6 * run.steps, seconds=600)
    light.see("epoch")
    snap(light.page, "runs")
    wait(workspace, run.id, seconds=600)
    for visitor, name in ((light, "evaluate"), (dark, "evaluate-dark")):
        visitor.open(f"evaluate?run={run.id}")
        visitor.page.locator(".heatmaplayer text").first.wait_for()
        snap(visitor.page, name)
    for model, preset in (("tfidf", "balanced"), ("bundled", "quick")):
        other = plan(workspace, info, model, preset)
        queue.submit(workspace, other.config(), dataset_id=info.id, dataset_name=info.name,
                     model_name=other.source.name, name=f"{other.source.name}, {preset}")  # fmt: skip
    for waits in queue.list_runs(workspace):
        wait(workspace, waits.id, seconds=600)
    light.open("compare")
    light.see("Is the gap real?")
    snap(light.page, "compare")
    light.open(f"predict?run={run.id}")
    light.page.get_by_role("textbox", name="Your text").fill(
        "The tracking page has not moved for a week. Did somebody forget my two lamps in the van?"
    )
    light.press("Ask the model")
    light.see("The model says")
    snap(light.page, "predict")


def snap(page: Page, name: str) -> None:
    page.wait_for_timeout(5000)  # tables and charts come after the words
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
