import numpy as np
import pandas as pd
import pytest

from engine.data.columns import label_columns, labels_of, propose
from engine.data.names import split_of


def frame(**columns):
    return pd.DataFrame(columns, dtype=str)


LONG = [f"a sentence about matter number {i}, long enough to be read" for i in range(60)]
LABELS = ["good", "bad", "so"] * 20


def traps(**columns):
    """{column: kind} beside a text and a label column."""
    return {trap.column: trap.kind for trap in propose(frame(text=LONG, label=LABELS, **columns), "text", "label").traps}


def test_text_and_label_are_told_from_an_id_and_a_number():
    table = frame(
        id=[f"r{i}" for i in range(60)],
        said=LONG,
        score=[str(i * 1.5) for i in range(60)],
        kind=["a", "b", "c"] * 20,
    )
    roles = propose(table)
    assert (roles.text, roles.label, roles.split) == ("said", "kind", None)
    assert "all different" in roles.reasons["said"]
    assert roles.reasons["kind"] == "3 different values in 60 rows"


def test_a_telling_name_wins_among_columns_that_would_do():
    roles = propose(frame(country=["fr", "de"] * 30, sentiment=LABELS, text=LONG))
    assert roles.label == "sentiment"


@pytest.mark.parametrize("beside, wanted", [
    ({"verified": ["True", "False"]}, {"overall": "12345"}),
    ({"May we contact you?": ["Yes", "No"]}, {"How satisfied are you?": ["very", "a bit", "not"]}),
    ({"Timely response?": ["Yes", "No"]}, {"Product": ["loan", "card", "account", "debt"]}),
    ({"Filiale": ["Nord", "Süd"]}, {"Bewertung": ["gut", "mittel", "schlecht"]}),
    ({"Erledigt": ["ja", "nein"]}, {"Grund": [f"Grund {i}" for i in range(12)]}),
    ({"Eingang": ["03.04.2025", "04.04.2025", "05.04.2025"]}, {"Anliegen": [f"Anliegen {i}" for i in range(12)]}),
    ({"user_id": "12345"}, {"cause": [f"cause {i}" for i in range(12)]}),
    ({"year": ["2001", "2002", "2003"]}, {"movie_genre": [f"genre {i}" for i in range(12)]}),
    ({"lang": ["en", "de"]}, {"kind": [f"kind {i}" for i in range(12)]}),
    ({"is_active": ["true", "false"]}, {"department": [f"team {i}" for i in range(12)]}),
    ({"answer": ["accept", "reject", "ignore"]}, {"accept": ["POS", "NEG"]}),
    ({"gender": ["m", "f"], "age": ["young", "old"]}, {"answer_code": [f"code {i}" for i in range(12)]}),
])  # fmt: skip
def test_what_is_merely_known_of_a_text_is_no_label_beside_a_better_one(beside, wanted):
    columns = {name: [values[i % len(values)] for i in range(60)] for name, values in {**beside, **wanted}.items()}
    assert propose(frame(said=LONG, **columns)).label == next(iter(wanted))
    assert propose(frame(**dict(reversed(columns.items())), said=LONG)).label == next(iter(wanted))


def test_who_wrote_it_and_when_are_no_labels_at_all():
    dates = [f"2025-04-{i % 9 + 1:02} 10:15:00" for i in range(60)]
    authors = [str(1000 + i % 20) for i in range(60)]
    assert propose(frame(said=LONG, created=dates, author_id=authors)).label is None


@pytest.mark.parametrize("beside", [
    {"id": [f"R_00af31c0195b2f{i:02}" for i in range(60)]},
    {"when": [f"2021-03-14T10:05:{i:02} UTC" for i in range(60)]},
    {"who": [f"user_{i}_of_ours_and_longer_than_most" for i in range(60)]},
])  # fmt: skip
@pytest.mark.parametrize("name", ["Response", "Antwort", "student_response"])
def test_what_people_answered_in_a_survey_is_the_text(name, beside):
    assert propose(frame(**beside, **{name: [f"{text}, really and truly" for text in LONG]}, label=LABELS)).text == name


@pytest.mark.parametrize("label", ["toxic", "sure", "language", "gender", "status"])
@pytest.mark.parametrize(
    "beside", [{"len": [str(i % 16 + 5) for i in range(60)]}, {"likes": [str(i % 30) for i in range(60)]}]
)
def test_a_number_of_each_text_is_no_label_beside_words(label, beside):
    assert propose(frame(said=LONG, **beside, **{label: ["yes", "no"] * 30})).label == label


def test_a_key_is_a_label_where_there_is_no_other():
    assert propose(frame(said=LONG, key=["sport", "politics", "tech"] * 20)).label == "key"


@pytest.mark.parametrize(
    "asked, answered",
    [
        ("customer_message", "agent_reply"), ("description", "resolution"), ("Problem", "Solution"),
        ("Kundenanfrage", "Antwort des Kundendienstes"), ("Обращение", "Ответ"), ("質問", "回答"),
    ],
)  # fmt: skip
def test_what_somebody_answered_is_not_the_text(asked, answered):
    replies = [f"{text}, and this is what we have done about it since then {i}" for i, text in enumerate(LONG)]
    assert propose(frame(**{answered: replies, asked: LONG}, queue=["a", "b", "c"] * 20)).text == asked


@pytest.mark.parametrize("beside, label", [
    (("Priorität", "Status"), "Beschwerdegrund"), (("Priorität", "Status"), "Einstufung"),
    (("Priorité", "Statut"), "Type de demande"), (("Prioridad", "Estado"), "Tipo de incidencia"),
    (("Priorità", "Stato"), "Argomento"), (("Priorytet", "Status"), "Rodzaj sprawy"), (("Öncelik", "Durum"), "Şikayet Türü"),
    (("Приоритет", "Статус"), "Тематика"), (("優先度", "状態"), "問い合わせ種別"), (("优先级", "状态"), "问题分类"),
    (("우선순위", "상태"), "문의유형"), (("الأولوية", "الحالة"), "التصنيف"), (("Priority", "Status"), "Diagnosis"),
])  # fmt: skip
def test_the_subject_is_the_label_rather_than_urgency_or_state(beside, label):
    urgency, state = beside
    columns = {
        urgency: ["P1", "P2", "P3"] * 20,
        label: ["a", "b", "c", "d", "e"] * 12,
        state: ["X", "Y"] * 30,
    }
    assert propose(frame(said=LONG, **columns)).label == label


@pytest.mark.parametrize("beside", [
    {"created_at": [f"Mon Jan 01 10:00:{i:02} +0000 2024" for i in range(60)]},
    {"respondent": [f"Anna Maria Smith {i}" for i in range(60)]},
])  # fmt: skip
def test_neither_a_moment_nor_a_name_is_what_was_asked(beside):
    assert propose(frame(**beside, response=LONG, label=LABELS)).text == "response"


@pytest.mark.parametrize("beside, wanted", [
    ({"zip_code": [str(10_000 + i) for i in range(30)], "country_code": ["fr", "de"]}, {"decision": ["a", "b", "c"]}),
    ({"accept_terms": ["yes", "no"]}, {"rating": "12345"}), ({"theme": ["dark", "light"]}, {"stars": "12345"}),
    ({"assunto": [f"assunto {i}" for i in range(40)]}, {"categoria": ["a", "b", "c"]}),
    ({"assigned_to": [f"agent {i}" for i in range(10)]}, {"priority": ["P1", "P2", "P3", "P4"]}),
])  # fmt: skip
def test_a_word_with_several_meanings_takes_no_place_of_a_label(beside, wanted):
    columns = {name: [values[i % len(values)] for i in range(60)] for name, values in {**beside, **wanted}.items()}
    assert propose(frame(said=LONG, **columns)).label == next(iter(wanted))


def test_a_label_that_is_half_done_is_one_and_a_mark_on_some_rows_is_none():
    some = [one if i % 3 == 0 else "" for i, one in enumerate(["good", "bad", "so", "ill"] * 15)]
    assert propose(frame(text=LONG, label=some, state=["open", "closed"] * 30)).label == "label"
    marked = ["ux" if i % 3 == 0 else "" for i in range(60)]
    assert propose(frame(text=LONG, Labels=marked, **{"Issue Type": ["Bug", "Task", "Story"] * 20})).label == "Issue Type"


def test_a_text_without_blanks_needs_no_known_name():
    said = [f"配送が早くて助かりました。値段は少し高いと感じます。第{i}号" for i in range(60)]
    answered = [f"{one} {one} {one}" for one in said]
    assert (
        propose(frame(番号=[f"R-{i}-{i}-of-ours-in-all" for i in range(60)], 質問=said, 回答=answered, 区分=LABELS)).text
        == "質問"
    )


def test_a_named_text_may_be_short_or_a_picture():
    short = ["ok", "👍", "no", "👎👎", "love it", "😡", "meh", "🙂", "ty", "❤"] * 6
    roles = propose(frame(comment=short, emotion=["happiness", "anger"] * 30))
    assert (roles.text, roles.label) == ("comment", "emotion")


def test_a_split_column_is_recognised():
    part = ["Train"] * 40 + ["dev"] * 10 + ["test"] * 10
    assert propose(frame(text=LONG, label=["a", "b"] * 30, part=part)).split == "part"


def test_nothing_is_proposed_where_nothing_fits():
    roles = propose(frame(a=[str(i) for i in range(60)], b=["x"] * 60))
    assert roles.text is None
    assert roles.label is None


def test_more_texts_and_columns_to_group_by_are_named():
    titles = [f"some title of matter {i}" for i in range(60)]
    roles = propose(frame(text=LONG, label=LABELS, title=titles, customer_id=[f"c{i % 9}" for i in range(60)]))
    assert roles.more_texts == ["title"]
    assert roles.groups == ["customer_id"]


def test_traps_are_named():
    assert traps(nr=[str(i) for i in range(60)]) == {"nr": "row_number"}
    assert traps(key=[f"x{i * 7919 % 1000}" for i in range(60)]) == {"key": "id"}
    assert traps(country=["de"] * 60) == {"country": "constant"}
    assert traps(note=["x"] + [""] * 59) == {"note": "empty"}
    assert traps(code=[{"good": "1", "bad": "0", "so": "2"}[one] for one in LABELS]) == {"code": "same_as_label"}
    stars = {"good": "54", "bad": "12", "so": "33"}
    assert traps(stars=[stars[one][i % 2] for i, one in enumerate(LABELS)]) == {"stars": "gives_away"}
    assert traps(meta=[f'{{"a": {i}}}' for i in range(60)]) == {"meta": "json"}
    assert traps(polarity=["pos", "neg"] * 30) == {"polarity": "second_label"}


def test_votes_from_which_the_label_was_made_are_a_trap():
    votes = [str({"good": 9, "bad": 0, "so": 4}[one] + i % 2) for i, one in enumerate(LABELS)]
    assert traps(good_votes=votes) == {"good_votes": "gives_away"}


def test_reasons_speak_of_the_columns_that_were_chosen():
    roles = propose(frame(a=LONG, b=LONG[::-1], kind=LABELS, other=["x", "y"] * 30), "b", "other")
    assert (roles.text, roles.label) == ("b", "other")
    assert roles.reasons["other"] == "2 different values in 60 rows"


def test_words_for_splits():
    words = ("TRAIN", " val ", "holdout", "other")
    assert [split_of(word) for word in words] == ["train", "validation", "test", None]


def test_a_constant_label_loses_to_the_column_with_the_answers():
    roles = propose(frame(text=LONG, label=["INSULT"] * 60, answer=["accept", "reject"] * 30))
    assert roles.label == "answer"
    assert propose(frame(text=LONG, label=["INSULT"] * 60, lang=["en", "de"] * 30)).label == "label"


def test_addresses_are_the_texts_where_there_are_no_others():
    links = [f"http://www.site{i}.com/page?{i}" for i in range(60)]
    assert propose(frame(url=links, type=["benign", "phishing"] * 30)).text == "url"
    assert propose(frame(url=links, text=LONG, type=["benign", "phishing"] * 30)).text == "text"


@pytest.mark.parametrize("mark, none", [("1", "0"), ("x", ""), ("TRUE", "FALSE"), ("1.0", "0.0")])
def test_columns_of_which_each_row_marks_one_are_the_label(mark, none):
    marks = {name: [mark if i % 3 == place else none for i in range(60)] for place, name in enumerate(["good", "bad", "so"])}
    table = frame(text=LONG, verified=["1", "0", "1", "1"] * 15, **marks, shop=["a", "b", "c", "d"] * 15)
    roles = propose(table)
    assert (roles.text, roles.label) == ("text", "good + bad + so")
    assert roles.reasons[roles.label] == "3 columns, one of which is marked in each row"
    assert labels_of(table, roles.label).tolist() == ["good", "bad", "so"] * 20
    assert propose(table, "text", roles.label).reasons == roles.reasons
    assert propose(table, "text", "bad").label == "bad"
    assert propose(table.assign(label=LABELS)).label == "label"


def test_columns_of_which_rows_mark_several_or_none_are_labels_of_their_own():
    table = frame(text=LONG, toxic=["0", "0", "1", "0"] * 15, threat=["0", "0", "1", "0"] * 15, insult=["0", "1"] * 30)
    assert propose(table).label in ("toxic", "threat", "insult")
    assert labels_of(table, "toxic + insult").tolist() == ["", "insult", "toxic", "insult"] * 15
    assert labels_of(table, "toxic + threat").tolist() == ["", "", "toxic|threat", ""] * 15


def test_a_yes_or_no_rather_than_a_small_count_is_the_label():
    table = frame(review=LONG, voted_up=["True", "False", "True"] * 20, votes_funny=["0", "1", "0", "2"] * 15)
    assert propose(table).label == "voted_up"


@pytest.mark.parametrize("label, others", [
    ("final", ["coder 1", "coder 2"]), ("gold_label", ["annotator_labels"]), ("Code", ["Question"]),
    ("Подразделение", ["ФИО"]),
])  # fmt: skip
def test_what_was_agreed_on_and_codes_are_proposed_before_what_stands_beside_them(label, others):
    beside = {name: [f"{name} {i % 4}" for i in range(60)] for name in others}
    assert propose(frame(text=LONG, **beside, **{label: LABELS})).label == label


def test_marks_do_not_take_the_place_of_a_column_that_is_called_a_label():
    marks = {"male": ["1", "0"] * 30, "female": ["0", "1"] * 30}
    assert propose(frame(text=LONG, genre=["a", "b", "c"] * 20, **marks)).label == "genre"
    assert propose(frame(text=LONG, **marks)).label == "male + female"


def test_columns_whose_names_have_a_plus_are_not_joined():
    table = frame(text=LONG, **{"C + D": ["1", "0"] * 30, "other": ["0", "1"] * 30})
    assert propose(table).label in ("C + D", "other")
    assert propose(table, "text", "C + D").label == "C + D"


@pytest.mark.parametrize("address, mails", [
    ("ann@home.example", True), ("@ann@home.example@work", True), ("ann@.home.example", True), ("ann@.home", False),
    ("ann@home", False), ("ann@home.example or so", False), ("ann@" * 200_000, False),
])  # fmt: skip
def test_a_column_of_addresses_is_no_text_and_what_is_none_takes_no_time(address, mails):
    found = propose(frame(contact=[f"{i}{address}" for i in range(3)], label=["a", "b", "a"]))
    assert (found.text is None) == mails


def test_many_columns_of_marks_take_no_time():
    chance = np.random.default_rng(0).integers(0, 2, (60, 95)).astype(str)
    table = pd.concat([frame(text=LONG), pd.DataFrame(chance, dtype="str").add_prefix("m")], axis=1)
    assert propose(table).text == "text"


@pytest.mark.parametrize("begins", ["label_", "class.", "Emotion: ", ""])
def test_classes_in_columns_are_called_without_what_all_columns_are(begins):
    marks = {
        f"{begins}{name}": [str(int(i % 3 == at)) for i in range(60)] for at, name in enumerate(["joy", "anger", "fear"])
    }
    never = {f"{begins}never": ["0"] * 60}
    (first, cells), *others = marks.items()
    table = frame(text=LONG, **{first: cells}, **never, **dict(others))
    label = propose(table).label
    assert label_columns(label, table.columns) == [first, f"{begins}never", *dict(others)]
    assert labels_of(table, label).tolist() == ["joy", "anger", "fear"] * 20
