"""The report as somebody opens it who got it by mail: from a file, without any network."""

import re

import pytest

from engine.serving import report
from tests.browser.test_access import violations
from tests.engine.serving.made_up import HOSTILE, run

MANY = [f"class {number}" for number in range(77)]


@pytest.fixture
def reader(chromium):
    """reader(path) opens a file with the network cut; gives the page and the list of what went wrong."""
    contexts = []

    def open_file(path, **options):
        contexts.append(chromium.new_context(viewport={"width": 1280, "height": 900}, **options))
        page, wrong = contexts[-1].new_page(), []
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))

        def only_the_file(route):
            if route.request.url == path.as_uri():
                return route.continue_()
            wrong.append(route.request.url)
            return route.abort()

        page.route("**/*", only_the_file)
        page.goto(path.as_uri())
        page.wait_for_function("document.querySelectorAll('[data-chart] .main-svg').length")
        return page, wrong

    yield open_file
    for context in contexts:
        context.close()


@pytest.mark.parametrize(
    "labels, tested, scheme",
    [(HOSTILE, 60, "light"), (HOSTILE, 60, "dark"), (MANY, 300, "light"), (["no", "yes"], 3, "dark")],
)
def test_a_report_opens_anywhere_and_keeps_nobody_out(reader, tmp_path, labels, tested, scheme):
    facts, evidence = run(labels, tested, name=HOSTILE[0])
    path = report.write(facts, evidence, tmp_path / "report.html")
    assert path.stat().st_size < 6_000_000
    page, wrong = reader(path, color_scheme=scheme)
    drawn = page.locator("[data-chart]")
    assert drawn.count() == (5 if labels == MANY else 4)
    for place in drawn.all():
        assert place.locator(".main-svg").first.bounding_box()["height"] > 80
        assert place.get_attribute("aria-label")
    assert violations(page) == []
    assert page.evaluate("window.hacked") is None
    assert page.title() == f"{HOSTILE[0]}: report"
    if scheme == "light":  # paper is
        assert len(re.findall(rb"/Type ?/Page\b", page.pdf(format="A4"))) > 1
        page.emulate_media(media="print")
        for box in [place.locator(".main-svg").first.bounding_box() for place in drawn.all()]:
            assert box["width"] <= 688  # what A4 leaves between its margins: nothing is cut
    assert wrong == []


def _with_interval(value, interval):
    return f"{value:.3f}\n{interval[0]:.3f} to {interval[1]:.3f}" if interval else f"{value:.3f}"


def test_its_figures_are_those_of_the_run(reader, tmp_path):
    facts, evidence = run(HOSTILE, 60)
    page, wrong = reader(report.write(facts, evidence, tmp_path / "report.html"))
    scores = facts.metrics["test"]
    cells = [int(text) for text in page.locator(".matrix td").all_inner_texts()]
    counts = scores["confusion_matrix"]["counts"]
    assert cells == [count for row in counts for count in row]
    rows = [row.locator("th, td").all_inner_texts() for row in page.locator(".classes tbody tr").all()]
    sure = facts.metrics["intervals"]["per_class"]
    assert rows == [
        [
            " ".join(label.split()),
            *(_with_interval(one[key], sure[label][key]) for key in ("precision", "recall", "f1")),
            str(one["support"]),
        ]
        for label, one in scores["per_class"].items()
    ]
    told = page.get_by_role("region", name="Scores", exact=True).locator("tbody tr").all()
    assert [row.locator("td").first.inner_text() for row in told[:3]] == [
        f"{scores[key]:.4f}" for key in ("accuracy", "macro_f1", "weighted_f1")
    ]
    page.locator(".js-plotly-plot .nsewdrag").first.scroll_into_view_if_needed()
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 15)
    page.locator(".hovertext").first.wait_for()
    assert f"{scores['accuracy']:.1%}" in page.locator(".hovertext").first.text_content()
    assert wrong == []
