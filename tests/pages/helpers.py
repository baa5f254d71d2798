"""Pages, run by Streamlit's own test runner."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

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
    return "\n".join(str(element.value) for kind in kinds for element in kind) + "\n".join(
        one.label for one in test.metric
    )


def press(test: AppTest, key: str) -> AppTest:
    test.button(key=key).click().run()
    assert not test.exception, test.exception
    return test


def unfold(test: AppTest, title: str) -> AppTest:
    """Open an expander that computes only when it is open."""
    expander = next(one for one in test.expander if one.label == title)
    test.session_state[expander.proto.id] = True
    test.run()
    assert not test.exception, test.exception
    return test
