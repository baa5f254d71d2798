from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from pages.parts import door
from tests.pages.helpers import APP, open_page, words_on


@pytest.fixture
def now(monkeypatch):
    """[the time at the door], which stands still."""
    moment = [1000.0]
    monkeypatch.setattr(door, "time", SimpleNamespace(monotonic=lambda: moment[0]))
    return moment


def visit():
    return AppTest.from_file(APP, default_timeout=60).run()


def give(test, password):
    """A visitor's page after a password was given."""
    test.text_input(key="password").set_value(password)
    return test.button(key="open_door").click().run()


def test_without_a_password_everybody_may_come_in(workspace):
    assert visit().title[0].value == "Data"


def test_a_password_keeps_everything_behind_it(workspace, monkeypatch, now):
    monkeypatch.setenv("TUNEBOARD_PASSWORD", "wörd of honour")
    test = open_page("runs")
    assert [one.value for one in test.title] == ["Tuneboard"]
    assert "training" not in words_on(test)
    assert "Wrong password. Try again in 1 s." in words_on(give(test, "word of honour"))
    now[0] += 1
    assert give(test, "wörd of honour").title[0].value != "Tuneboard"
    assert "Nothing is training." in words_on(test)


def test_who_guesses_waits_in_every_tab_and_nobody_else_does(workspace, monkeypatch, now):
    monkeypatch.setenv("TUNEBOARD_PASSWORD", "right")
    monkeypatch.setattr(door, "_source", lambda: "192.0.2.7")  # the test runner knows no addresses
    give(open_page("runs"), "wrong")
    another = give(open_page("runs"), "right")
    assert "A wrong password was entered a moment ago. Try again in 1 s." in words_on(another)
    now[0] += 1
    assert give(another, "right").title[0].value != "Tuneboard"


def test_waits_double_up_to_a_bound_and_are_forgotten_in_the_end(now):
    guesses, waits = door.Guesses(), []
    for _ in range(9):
        assert not guesses.opens("a", "wrong", "right")
        waits.append(guesses.wait("a"))
        assert not guesses.opens("a", "right", "right") and guesses.wait("a") == waits[-1]  # not looked at
        assert guesses.wait("b") == 0
        now[0] += waits[-1]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    for number in range(2 * door.MOST_ADDRESSES):
        assert not guesses.opens(str(number), "wrong", "right")
    assert len(guesses.wrong) == door.MOST_ADDRESSES
    now[0] += 2 * door.FORGOTTEN
    guesses.opens("a", "wrong", "right")
    assert guesses.wrong == {"a": (1, now[0] + 1)}
    now[0] += 1
    assert guesses.opens("a", "right", "right") and not guesses.wrong


def test_visitors_are_told_apart_by_address_and_only_those_of_ipv6_by_network(monkeypatch):
    def source(address):
        monkeypatch.setattr(door.st, "context", SimpleNamespace(ip_address=address))
        return door._source()

    assert source("::ffff:192.0.2.7") == source("192.0.2.7") == "192.0.2.7"  # of a socket for both
    assert source("::ffff:198.51.100.9") == "198.51.100.9"
    assert source("2001:db8::1:2:3:4") == source("2001:db8::9") == "2001:db8::/64"
    assert source(None) == ""


def test_with_a_login_set_up_nobody_comes_in_without(workspace):
    test = AppTest.from_file(APP, default_timeout=60)
    test.secrets["auth"] = {"client_id": "a"}
    test.run()
    assert [one.value for one in test.title] == ["Tuneboard"]
    test.button(key="login").click().run()
    assert "The login is not set up" in words_on(test)
