from streamlit.testing.v1 import AppTest

from tests.pages.helpers import APP, open_page, words_on


def visit():
    return AppTest.from_file(APP, default_timeout=60).run()


def test_without_a_password_everybody_may_come_in(workspace):
    assert visit().title[0].value == "Data"


def test_a_password_keeps_everything_behind_it(workspace, monkeypatch):
    monkeypatch.setenv("TUNEBOARD_PASSWORD", "wörd of honour")
    test = open_page("runs")
    assert [one.value for one in test.title] == ["Tuneboard"]
    assert "training" not in words_on(test)
    test.text_input(key="password").set_value("word of honour")
    test.button(key="open_door").click().run()
    assert "That is not the password." in words_on(test)
    test.text_input(key="password").set_value("wörd of honour")
    test.button(key="open_door").click().run()
    assert test.title[0].value != "Tuneboard"
    assert "Nothing is training." in words_on(test)


def test_with_a_login_set_up_nobody_comes_in_without(workspace):
    test = AppTest.from_file(APP, default_timeout=60)
    test.secrets["auth"] = {"client_id": "a"}
    test.run()
    assert [one.value for one in test.title] == ["Tuneboard"]
    test.button(key="login").click().run()
    assert "The login is not set up" in words_on(test)
