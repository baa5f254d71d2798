"""Time and memory before Start, which appear by themselves and can be acted on by one click."""

import re

from playwright.sync_api import expect

from engine import machine
from engine.paths import write_json
from engine.runs import measurements
from engine.training.plan import plan
from tests.engine.runs.test_forecast import measured


def test_what_a_run_takes_appears_by_itself(visit, workspace, easy):
    visitor = visit().open("train")
    visitor.see("Running a few steps")
    visitor.see(re.compile(r"About \d+ \w+, up to [\d.]+ [GM]B of memory"), seconds=180)
    expect(visitor.page.get_by_text("Running a few steps")).to_have_count(0)
    visitor.leave()


def test_what_does_not_fit_is_changed_by_one_click(visit, workspace, easy):
    usable = 0.8 * machine.memory_bytes()
    config = plan(workspace, easy, "bundled", "balanced").config()
    large = measured(memory_bytes=int(1.5 * usable), resting_bytes=int(usable / 2), longest=config.max_tokens,
                     piece_tokens=config.batch_size * config.max_tokens)  # fmt: skip
    write_json(workspace.forecast(measurements.key(easy.id, config)), large.model_dump())
    visitor = visit().open("train")
    visitor.see("That does not fit")
    visitor.page.get_by_role("button", name="Split each batch into 2 parts").click()
    visitor.see("Running a few steps")
    visitor.page.get_by_text("Advanced").first.click()
    expect(visitor.page.get_by_role("spinbutton", name="Gradient accumulation (parts per batch)")).to_have_value("2")
    expect(visitor.page.get_by_text("That does not fit")).to_have_count(0)
    visitor.leave()
