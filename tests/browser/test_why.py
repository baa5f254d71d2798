"""The coloured words are the letters that a person wrote, and nothing else."""

from tests.engine.runs.helpers import submit, wait

TEXT = (
    "the lamp -> is bright >= dull -- <b>rude</b> **calm** :smile: and\n"
    "# see http://x.y, $5 and $10, :red[cold] a@b.cd www.tidy.com slow ]{background='red'} `x` 1. noisy"
)


def test_the_text_is_shown_letter_by_letter_and_words_can_be_struck_out(visit, workspace, easy):
    run = wait(workspace, submit(workspace, easy, "tfidf").id)
    visitor = visit().open(f"predict?run={run.id}")
    visitor.page.get_by_role("textbox", name="Your text").fill(TEXT)
    visitor.press("Ask the model")
    visitor.see("The model says")
    visitor.page.get_by_text("Why?", exact=True).click()
    visitor.see("add up exactly")
    shown = visitor.page.locator("[class*='_words']").last
    assert shown.inner_text().replace("\u2060", "").split() == TEXT.split()
    assert shown.locator("a, b, code, strong").count() == 0
    visitor.page.get_by_role("combobox", name="Strike out words").click()
    for word in ("rude", "dull", "cold", "slow", "noisy"):
        visitor.page.keyboard.type(word)
        visitor.page.get_by_role("option", name=word, exact=True).wait_for()
        visitor.page.keyboard.press("Enter")
    visitor.see("the answer changes from bad to good")
    visitor.leave()
