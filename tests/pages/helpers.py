"""Pages, run by Streamlit's own test runner."""

from collections.abc import Sequence
from pathlib import Path

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Expander

APP = str(Path(__file__).parents[2] / "app.py")


def open_page(name: str, **query: str) -> AppTest:
    """The page as a person sees it who follows a link to it."""
    test = AppTest.from_file(APP, default_timeout=60)
    test.run()
    for key, value in query.items():
        test.query_params[key] = value
    test.switch_page(f"pages/{name}.py").run()
    assert not test.exception, test.exception
    return test


def words_on(test: AppTest) -> str:
    """All that the page says, in one string."""
    kinds = (
        test.title,
        test.header,
        test.markdown,
        test.caption,
        test.error,
        test.warning,
        test.info,
        test.success,
        test.metric,
    )
    return "\n".join(str(element.value) for kind in kinds for element in kind) + "\n".join(one.label for one in test.metric)


def press(test: AppTest, key: str) -> AppTest:
    test.button(key=key).click().run()
    assert not test.exception, test.exception
    return test


def unfold(test: AppTest, title: str) -> AppTest:
    """Open an expander that computes only when it is open."""
    _open([one for one in test.expander if one.label == title][:1], test)
    return test


def unfold_all(test: AppTest) -> AppTest:
    for _ in range(2):  # one may hold others
        _open(test.expander, test)
    return test


def _open(expanders: Sequence[Expander], test: AppTest) -> None:
    assert expanders
    for one in expanders:
        *_, key = one.proto.id.split("-", 2)  # of the person who wrote the page, if they gave one
        if key:
            test.session_state[one.proto.id if key == "None" else key] = True
    test.run()
    assert not test.exception, test.exception
