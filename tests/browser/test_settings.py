"""From a choice on the Settings page to the form of another visitor's next run."""

from engine.preferences import in_force


def test_a_choice_holds_for_every_visitor(visit, workspace, easy):
    visitor = visit().open("settings")
    visitor.choose("Precision", "fp32 (exact)")
    visitor.press("Save")
    visitor.see("Saved.")
    visitor.leave()
    assert in_force(workspace)["precision"].origin == "settings"
    another = visit().open("train")
    another.page.get_by_text("Advanced").first.click()
    another.see("As chosen in Settings.")
    another.leave()
