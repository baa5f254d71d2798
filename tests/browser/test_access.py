"""Every page, light and dark, for people who hear it or use the keyboard; axe-core looks for what is wrong."""

import pytest

from tests.engine.runs.helpers import submit, wait

PAGES = ["", "train", "runs", "evaluate", "predict", "settings"]

# What Streamlit's own elements do, by rule and by the selector that axe names; everything else is ours.
OF_THE_FRAMEWORK = {
    "presentation-role-conflict": ("stFileUploader",),
    "scrollable-region-focusable": ("stMain", "stDataFrame", "stSidebar", "stExpander"),
}


def is_ours(violation: dict, node: dict) -> bool:
    known = OF_THE_FRAMEWORK.get(violation["id"], ())
    return not any(name in str(node["target"]) + node["html"] for name in known)


def violations(page) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    return [
        f"{violation['id']}: {node['html'][:300]} {node['failureSummary'][:300]}"
        for violation in Axe().run(page).response["violations"]
        for node in violation["nodes"]
        if is_ours(violation, node)
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_keeps_anybody_out(visit, workspace, scheme):
    visitor = visit(color_scheme=scheme)
    for path in PAGES:
        visitor.open(path)
        assert violations(visitor.page) == [], f"{path or 'data'}, empty"
    visitor.leave()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_filled_page_keeps_anybody_out(visit, workspace, easy, tiny_model, scheme):
    run = wait(workspace, submit(workspace, easy, tiny_model).id)
    visitor = visit(color_scheme=scheme)
    for path in PAGES:
        visitor.open(f"{path}?run={run.id}" if path else "")
        visitor.page.wait_for_timeout(500)
        assert violations(visitor.page) == [], path or "data"
    visitor.open(f"predict?run={run.id}")
    visitor.page.get_by_text("Use it elsewhere").click()
    visitor.see("On this machine, the model is in")
    assert violations(visitor.page) == []
    visitor.leave()


def test_the_first_address_of_a_fresh_server_may_be_any_page(visit, workspace):
    visitor = visit().open("train")
    visitor.see("No data yet")
    assert visitor.page.title() == "Tuneboard"
    visitor.leave()


def test_another_name_than_this_machines_is_refused(server):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("GET", "/_stcore/stream", skip_host=True)
    for key, value in {"Host": "evil.example", "Origin": "http://evil.example", "Upgrade": "websocket",
                       "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                       "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}.items():  # fmt: skip
        connection.putheader(key, value)
    connection.endheaders()
    assert connection.getresponse().status in (400, 403)
