"""A table before it is saved: how it was read, its columns, its health, its split. One function, one section of the page."""

from functools import partial

import pandas as pd
import streamlit as st

from engine.data import workbench
from engine.data.columns import Roles, Trap
from engine.data.datasets import DatasetInfo, load_info, save
from engine.data.drafting import SPLITS
from engine.data.health import Problem, missing_roles
from engine.data.reading import Table
from engine.data.reading.encodings import CHOICES as ENCODINGS
from engine.data.reading.table import SEPARATORS
from engine.data.repairs import BESIDE_A_TEST, REMEDIES
from engine.data.workbench import Step
from engine.errors import DataError
from pages.parts import cached, charts, messages, state, steps, words
from pages.parts.choices import Choices

PREVIEW_ROWS = 200
EDITED_ROWS = 100
MOST_NAMED = 200  # labels that can be renamed by hand on the page
ALARMING = ("gives_away", "same_as_label", "second_label")
WAYS = {
    "share": "By chance, each class evenly (stratified)",
    "file": "A second file is the test",
    "column": "A column says it",
}
SHARES = (
    (
        "test_share",
        "Test, % of the texts",
        50,
        "More test texts make the score surer; fewer leave more to learn from.",
    ),
    ("validation_share", "Validation, % of the texts", 40, "Used after each round to choose the best one."),
)


def look_at(key: str) -> DatasetInfo | None:
    """The whole way from an upload to a data set; the data set once it is saved."""
    st.button(
        "Choose another table",
        key="start_over",
        icon=":material/arrow_back:",
        type="tertiary",
        on_click=start_over,
    )
    choices = Choices(key)
    reading = workbench.read_step(key, choices.options)
    try:
        if not steps.ready(reading):
            return None
    except DataError as error:
        messages.problem(error)
        if choices.get("options"):
            st.button("Read it automatically again", on_click=choices.put, kwargs={"options": None})
        return None
    table = workbench.read_table(state.workspace(), reading, PREVIEW_ROWS)
    facts = workbench.facts_of(state.workspace(), reading)
    how_it_was_read(table, facts["rows"], choices)
    proposed = workbench.roles_of(facts)
    if proposed.split and "split_by" not in choices.values:
        choices.put(split_by="column", split_column=proposed.split)
    text, label = columns(table, proposed, choices)
    preview(table, facts["rows"], text)
    if not (text and label):
        for problem in missing_roles(proposed):
            finding(problem, None)
        return None
    drafting = drafted(reading, text, label, choices)
    split(table, (*text, label), proposed, choices)
    return save_form(drafting, table, choices) if drafting else None


def drafted(reading: Step, text: list[str], label: str, choices: Choices) -> Step | None:
    """The draft with its health report; None as long as something is missing or wrong."""
    way, second = choices.get("split_by", "share"), None
    with state.reported():
        if way == "file":
            second = second_file(choices)
        if (way == "file" and not second) or (way == "column" and not choices.get("split_column")):
            return None
        drafting = workbench.draft_step(reading, choices.recipe(text, label), second)
        if steps.ready(drafting):
            report(drafting, choices)
            return drafting
    return None


def start_over() -> None:
    st.query_params.pop("upload", None)


# -- how it was read --------------------------------------------------------------------------------


def how_it_was_read(table: Table, rows: int, choices: Choices) -> None:
    st.markdown(f"**{messages.plain(table.name)}**  \n{messages.plain(words.read_as(table, rows))}")
    if table.left_out:
        shown = ", ".join(map(messages.plain, table.left_out[:5]))
        more = f" and {len(table.left_out) - 5:,} more" if len(table.left_out) > 5 else ""
        st.caption(f"{words.count(len(table.left_out), 'file')} in it left out: {shown}{more}.")
    if table.format in ("csv", "tsv", "text", "spreadsheet") or len(table.sheets) > 1:
        with st.expander("How it was read", icon=":material/tune:"):
            st.caption("Found out from the content. If the preview looks wrong, change it here.")
            options(table, choices)
    if table.rejected_count:
        with st.expander(
            f"{words.count(table.rejected_count, 'row')} could not be read and will be left out",
            icon=":material/warning:",
        ):
            st.dataframe(
                [{"line": one.line, "reason": one.reason} for one in table.rejected[:PREVIEW_ROWS]],
                hide_index=True,
                alt="Rows that could not be read, with line and reason",
            )


def options(table: Table, choices: Choices) -> None:
    def changed(name: str, convert=lambda value: value) -> None:
        choices.set_option(name, convert(st.session_state[choices.widget(name)]))

    boxes = st.columns(3)
    if table.encoding:
        known = list(dict.fromkeys([table.encoding, *ENCODINGS]))
        boxes[0].selectbox(
            "Letters (encoding)", known, format_func=lambda one: ENCODINGS.get(one, one), key=choices.widget("encoding"),
            on_change=partial(changed, "encoding"), help="Change it when letters such as ä or é look wrong.",
        )  # fmt: skip
        known = list(dict.fromkeys([table.separator or ",", *SEPARATORS]))
        boxes[1].selectbox(
            "Between the columns (separator)", known, format_func=lambda one: SEPARATORS.get(one, repr(one)).capitalize(),
            key=choices.widget("separator"), accept_new_options=True, on_change=partial(changed, "separator"),
        )  # fmt: skip
        quotes = {'"': 'Quotation marks (")', "'": "Apostrophes (')", "": "None"}
        boxes[2].selectbox(
            "Around a text (quotes)", list(quotes), format_func=quotes.get, index=list(quotes).index(table.quote or ""),
            key=choices.widget("quote"), on_change=partial(changed, "quote"),
        )  # fmt: skip
    if len(table.sheets) > 1:
        boxes[0].selectbox(
            "Sheet" if table.format == "spreadsheet" else "File in the archive", table.sheets,
            index=table.sheets.index(table.sheet) if table.sheet else None, key=choices.widget("sheet"),
            placeholder="All with the same columns", on_change=partial(changed, "sheet"),
        )  # fmt: skip
    boxes[0].number_input(
        "Row with the column names (0: none)", 0, 100, table.names_row, key=choices.widget("names_row"),
        on_change=partial(changed, "names_row", int), help="Blank lines do not count.",
    )  # fmt: skip
    boxes[1].number_input(
        "First row with data", 1, 1000, table.first_row, key=choices.widget("first_row"),
        on_change=partial(changed, "first_row", int), help="Blank lines do not count.",
    )  # fmt: skip


# -- columns ----------------------------------------------------------------------------------------


def columns(table: Table, roles: Roles, choices: Choices) -> tuple[list[str], str | None]:
    """The chosen columns: texts (several are joined) and label."""
    left, right = st.columns(2)
    known = table.columns
    named = partial(words.column, header=table.header)
    text = [one for one in choices.get("text", [roles.text] if roles.text else []) if one in known]
    label = choices.get("label", roles.label)
    with left:
        text = st.multiselect(
            "Column with the texts", known, default=text, format_func=named, key=choices.widget("text"),
            on_change=choices.setter("text"), placeholder="Choose a column", select_all=False,
            help="Choose several, and their texts are joined.",
        )  # fmt: skip
        if text == [roles.text]:
            more = (
                f" There are more texts in {_listed(roles.more_texts, named)}: add them if they help."
                if roles.more_texts
                else ""
            )
            st.caption(f"Proposed because it is {messages.plain(roles.reasons[text[0]])}.{more}")
    with right:
        label = st.selectbox(
            "Column with the labels", known, index=known.index(label) if label in known else None, format_func=named,
            key=choices.widget("label"), on_change=choices.setter("label"), placeholder="Choose a column",
        )  # fmt: skip
        if label and label == roles.label:
            st.caption(f"Proposed because it has {messages.plain(roles.reasons[label])}.")
    return text, label


def preview(table: Table, rows: int, text: list[str]) -> None:
    with st.expander("Preview", expanded=True, icon=":material/table_rows:"):
        frame = table.frame.rename(columns=partial(words.column, header=table.header))
        wide = {words.column(name, table.header): st.column_config.TextColumn(width="large") for name in text}
        st.dataframe(
            frame, height=250, hide_index=True, alt="The first rows of the table", column_config=wide
        )
        st.caption(f"The first {len(table.frame):,} of {rows:,} rows.")


# -- health -----------------------------------------------------------------------------------------


def report(drafting: Step, choices: Choices) -> None:
    """What the check found, what can be done about it, and what the data look like."""
    facts = workbench.facts_of(state.workspace(), drafting)
    tokens, cut_off = cached.lengths(str(drafting.folder(state.workspace())), facts["rows"])
    problems = [*workbench.problems_of(facts), *cut_off]
    st.header("Health")
    applied(facts["applied"], choices)
    for note in facts["notes"]:
        st.caption(messages.plain(note))
    blocking = [problem for problem in problems if problem.severity == "blocking"]
    for problem in blocking:
        finding(problem, choices)
    advice = [
        one for one in problems if one.severity == "advice" and one.code != "unreadable_rows"
    ]  # these stand above
    traps = workbench.roles_of(facts).traps
    beware = [trap for trap in traps if trap.kind in ALARMING]
    if not (problems or beware):
        st.success("Nothing stands in the way of training.", icon=":material/check_circle:")
    if advice or beware:
        mended = sum(problem.fix is not None for problem in advice)
        by_click = f"; for {mended} there is a remedy by a click" if mended else ""
        st.markdown(f"{words.count(len(advice) + len(beware), 'thing')} worth knowing{by_click}.")
        kept_open = choices.widget("advice")
        with st.expander(
            "Findings and remedies", icon=":material/lightbulb:", key=kept_open, on_change="rerun"
        ):
            for problem in advice:
                finding(problem, choices)
            beside(beware)
    others = [trap for trap in traps if trap.kind not in ALARMING]
    if others:
        with st.expander(f"The other columns ({len(others)})", icon=":material/view_column:"):
            beside(others)
    if not blocking:
        figures(facts["classes"], tokens)
    if facts["file_labels"]:
        with st.expander("Name or merge labels", icon=":material/label:"):
            label_names(facts["file_labels"], choices)
        if not blocking:
            with st.expander("Look through the rows, correct labels", icon=":material/edit:"):
                rows_by_hand(drafting, facts["classes"], choices)


def finding(problem: Problem, choices: Choices | None) -> None:
    """A finding with its remedy and its rows, each a click away."""
    sentence = f"**{messages.plain(problem.sentence)}**  \n{messages.plain(problem.remedy)}"
    if problem.severity == "blocking":
        st.error(sentence, icon=":material/block:")
    else:
        st.markdown(sentence)
    with st.container(horizontal=True):
        if problem.fix and choices is not None:
            remedies = choices.get("remedies", [])
            st.button(
                {**{name: remedy.button for name, remedy in REMEDIES.items()}, **BESIDE_A_TEST}[problem.fix],
                key=f"fix_{problem.fix}", icon=":material/healing:",
                on_click=treat, args=(choices, [*remedies, problem.fix]),
            )  # fmt: skip
        if problem.examples:
            with st.popover("Show the rows", key=f"rows_{problem.code}", icon=":material/table_rows:"):
                st.dataframe(problem.examples, hide_index=True, alt=problem.sentence, height=300, width=700)
                if problem.count > len(problem.examples):
                    st.caption(f"The first {len(problem.examples)}.")


def treat(choices: Choices, remedies: list[str]) -> None:
    choices.put(remedies=remedies)
    st.session_state[choices.widget("advice")] = True  # the list stays open for the next remedy


def applied(done: list[tuple[str, int]], choices: Choices) -> None:
    """Remedies that were asked for, each with a way back."""
    for name, count in done:
        sentence = (
            REMEDIES[name].done
            if name in REMEDIES
            else "{n} rows were left out of training: they are in the test."
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/check: {sentence.format(n=f'{count:,}')}", width="content")
            kept = [one for one in choices.get("remedies", []) if one != name]
            st.button(
                "Undo",
                key=f"undo_{name}",
                type="tertiary",
                on_click=choices.put,
                kwargs={"remedies": kept or None},
            )


def beside(traps: list[Trap]) -> None:
    for trap in traps:
        st.markdown(f"**{messages.plain(trap.column)}**: {messages.plain(trap.sentence)}.")


def figures(classes: dict[str, int], tokens) -> None:
    left, right = st.columns(2)
    with left:
        st.markdown(f"**Class balance**: {words.count(len(classes), 'class', 'classes')}")
        charts.show(charts.class_balance(classes), "Texts per class", "balance")
    with right:
        st.markdown(f"**Text lengths**: half have at most {sorted(tokens)[len(tokens) // 2]:,} tokens")
        charts.show(charts.lengths(tokens), "Histogram of the text lengths in tokens", "lengths")


def label_names(file_labels: dict[str, int], choices: Choices) -> None:
    """A table of the labels in the file; what is typed beside one is its name from now on."""
    st.caption(
        "Type another name to rename a label. Two labels with the same name become one; an empty name leaves the label out."
    )
    names = choices.get("label_names", {})
    shown = [label for label in file_labels if label][:MOST_NAMED]
    given = pd.DataFrame({"label in the file": shown, "rows": [file_labels[one] for one in shown],
                          "name": [names.get(one, one) for one in shown]})  # fmt: skip

    def changed() -> None:
        edited = st.session_state[choices.widget("names")]["edited_rows"]
        new = {
            shown[int(row)]: (cells.get("name") or "").strip()
            for row, cells in edited.items()
            if "name" in cells
        }
        merged = {label: name for label, name in (names | new).items() if label != name}
        choices.put(label_names=merged or None)

    st.data_editor(
        given, key=choices.widget("names"), hide_index=True, disabled=["label in the file", "rows"], on_change=changed,
        alt="Labels and the names to use for them",
    )  # fmt: skip


def rows_by_hand(drafting: Step, classes: dict[str, int], choices: Choices) -> None:
    """Find rows, give them another label, or leave them out."""
    left, right = st.columns(2)
    contains = left.text_input("Texts that contain", key=choices.widget("contains"))
    everything = "Every label"
    label = right.selectbox("Label", [everything, *classes], key=choices.widget("only_label"))
    found = workbench.find_rows(
        state.workspace(), drafting, contains=contains, label=None if label == everything else label, count=EDITED_ROWS
    )  # fmt: skip
    numbers = found["source_row"].tolist()
    table = found[["text", "label", "split"]].assign(**{"leave out": False})

    def changed() -> None:
        edits = {int(row): name for row, name in choices.get("edits", {}).items()}
        for row, cells in st.session_state[choices.widget("rows")]["edited_rows"].items():
            edits[numbers[int(row)]] = (
                "" if cells.get("leave out") else cells.get("label", found["label"][int(row)])
            )
        choices.put(edits=edits or None)

    st.data_editor(
        table, key=choices.widget("rows"), hide_index=True, height=300, disabled=["text", "split"], on_change=changed,
        column_config={"text": st.column_config.TextColumn(width="large"),
                       "label": st.column_config.SelectboxColumn(options=list(classes), required=True)},
        alt="Rows with their labels, which can be changed",
    )  # fmt: skip
    st.caption(
        f"{len(found):,} rows shown"
        + (", the first of those that fit." if len(found) == EDITED_ROWS else ".")
    )
    if choices.get("edits"):
        st.button(
            f"Undo all {len(choices.get('edits')):,} corrections", key="undo_edits", type="tertiary",
            on_click=choices.put, kwargs={"edits": None},
        )  # fmt: skip


# -- split and save ---------------------------------------------------------------------------------


def split(table: Table, taken: tuple[str, ...], proposed: Roles, choices: Choices) -> None:
    st.header(
        "Training and test",
        help="The model learns from the training texts. After each round it is tried on the "
        "validation texts, to keep the best round. The test texts are used once, at the end, for an honest score.",
    )
    way = choices.get("split_by", "share")
    st.radio(
        "Where do the test texts come from?", list(WAYS), format_func=WAYS.get, horizontal=True,
        index=list(WAYS).index(way), key=choices.widget("split_by"), on_change=choices.setter("split_by"),
    )  # fmt: skip
    others = [name for name in table.columns if name not in taken]
    named = partial(words.column, header=table.header)
    if way == "column":
        column = choices.get("split_column")
        st.selectbox(
            "Column with train, validation or test", others, index=others.index(column) if column in others else None,
            format_func=named, placeholder="Choose a column", key=choices.widget("split_column"),
            on_change=choices.setter("split_column"),
        )  # fmt: skip
    if way == "file":
        upload_second_file(choices)
    with st.expander("Shares and groups", icon=":material/tune:"):
        left, right = st.columns(2)
        if way == "share":
            for place, (name, title, most, about) in zip((left, right), SHARES, strict=True):
                place.slider(
                    title, 5, most, round(100 * choices.get(name, 0.15)), 5, key=choices.widget(name), help=about,
                    on_change=choices.setter(name, lambda percent: percent / 100),
                )  # fmt: skip
        ordered = sorted(others, key=lambda name: name not in proposed.groups)
        group = choices.get("group_column")
        left.selectbox(
            "Keep together what has the same", ordered, index=ordered.index(group) if group in ordered else None,
            format_func=named, placeholder="nothing", key=choices.widget("group_column"),
            on_change=choices.setter("group_column"),
            help="Rows of the same customer or document then never stand on both sides, which would flatter the score.",
        )  # fmt: skip
        right.number_input(
            "Chance starts from (seed)", 0, 2**31 - 1, choices.get("seed", 0), key=choices.widget("seed"),
            on_change=choices.setter("seed"), help="Another number gives another split; the same number the same one.",
        )  # fmt: skip


def upload_second_file(choices: Choices) -> None:
    key = upload("Test file, with the same columns", "test")
    if key:
        choices.put(test_key=key)
        st.rerun()


def second_file(choices: Choices) -> Step | None:
    """The reading of the test file, once there is one."""
    key = choices.get("test_key")
    if not key:
        return None
    step = workbench.read_step(key, choices.options)
    if not steps.ready(step):
        return None
    facts = workbench.facts_of(state.workspace(), step)
    st.caption(f"Test: {messages.plain(facts['name'])}, {facts['rows']:,} rows.")
    return step


def upload(label: str, name: str) -> str | None:
    """An uploader whose file goes to disk at once, so that the session holds only its key."""
    turn = st.session_state.setdefault(f"turn_{name}", 0)
    file = st.file_uploader(label, type=words.FILE_TYPES, key=f"upload_{name}_{turn}")
    if file is None:
        return None
    with state.reported():
        key = workbench.keep(state.workspace(), file, file.name)
        st.session_state[f"turn_{name}"] += 1
        return key
    return None


def save_form(drafting: Step, table: Table, choices: Choices) -> DatasetInfo | None:
    facts = workbench.facts_of(state.workspace(), drafting)
    if any(problem.severity == "blocking" for problem in workbench.problems_of(facts)):
        return None
    parent = workbench.upload_info(state.workspace(), choices.key).get("parent")
    before = load_info(state.workspace(), parent) if parent else None
    left, right = st.columns(2)
    named = before.name if before else table.name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    name = left.text_input("Name", value=choices.get("name", named), max_chars=80, key=choices.widget("name"))
    about = right.text_input(
        "Description", value=before.description if before else "", max_chars=300, key=choices.widget("about"),
        placeholder="Where it is from, what it is for",
    )  # fmt: skip
    st.caption("  ·  ".join(f"{words.SPLITS[one]}: {facts['counts'][one]:,}" for one in SPLITS))
    if not st.button("Save", type="primary", icon=":material/save:", key="save"):
        return None
    drafted = workbench.drafted(state.workspace(), drafting, name.strip() or named)
    return save(state.workspace(), drafted, description=about.strip(), parent=parent)


def _listed(names: list[str], named) -> str:
    return ", ".join(messages.plain(named(name)) for name in names[:3])
