"""A table before it is saved: how it was read, its columns, its name. checkup shows its health, splits its split."""

from dataclasses import replace
from functools import partial

import streamlit as st

from engine.data import workbench
from engine.data.columns import Roles, label_columns
from engine.data.datasets import DatasetInfo, load_info, save
from engine.data.drafting import SPLITS
from engine.data.health import missing_roles
from engine.data.reading import Table
from engine.data.reading.encodings import CHOICES as ENCODINGS
from engine.data.reading.table import PARTS, SEPARATORS, separator_of
from engine.data.repairs import makes_classes
from engine.data.workbench import Step
from engine.errors import DataError
from engine.figures import whole
from pages.parts import checkup, messages, splits, state, steps, words
from pages.parts.choices import Choices

PREVIEW_ROWS = 200


def look_at(key: str) -> DatasetInfo | None:
    """The whole way from an upload to a data set; the data set once it is saved."""
    choices = Choices(key)
    with st.container(horizontal=True):
        st.button(
            "Choose another table", key="start_over", icon=":material/arrow_back:", type="tertiary", on_click=start_over
        )  # fmt: skip
        if choices.values:
            st.button(
                "Reset my choices", key="forget", icon=":material/restart_alt:", type="tertiary", on_click=choices.forget,
                help="Resets the columns, fixes, names and corrections chosen for this file.",
            )  # fmt: skip
    reading = workbench.read_step(key, choices.options)
    try:
        if not steps.ready(reading):
            return None
    except DataError as error:
        messages.problem(error)
        if choices.get("options"):
            st.button("Detect everything again", on_click=choices.put, kwargs={"options": None})
        return None
    table = workbench.read_table(state.workspace(), reading, PREVIEW_ROWS)
    facts = workbench.facts_of(state.workspace(), reading)
    how_it_was_read(table, facts["rows"], choices)
    left_out(table)
    proposed = workbench.roles_of(facts)
    if proposed.split and "split_by" not in choices.values:
        choices.put(split_by="column", split_column=proposed.split)
    text, label = columns(table, proposed, choices)
    preview(table, facts["rows"], text)
    if not (text and label):
        chosen = replace(proposed, text=text[0] if text else None, label=label)
        for problem in missing_roles(chosen, len(table.columns)):
            checkup.finding(problem, None)
        return None
    drafting = drafted(reading, text, label, choices)
    splits.choose(table, (*text, *label_columns(label, table.columns)), proposed, choices)
    return save_form(drafting, table, choices) if drafting else None


def drafted(reading: Step, text: list[str], label: str, choices: Choices) -> Step | None:
    """The draft with its health report; None as long as something is missing or wrong."""
    way, second = choices.get("split_by", "share"), None
    with state.reported():
        if way == "file":
            second = splits.second_file(choices)
        if (way == "file" and not second) or (way == "column" and not choices.get("split_column")):
            return None
        drafting = workbench.draft_step(reading, choices.recipe(text, label), second)
        if steps.ready(drafting):
            checkup.report(drafting, choices)
            return drafting
    return None


def start_over() -> None:
    st.query_params.pop("upload", None)


# -- how it was read --------------------------------------------------------------------------------


def how_it_was_read(table: Table, rows: int, choices: Choices) -> None:
    st.markdown(f"**{messages.plain(table.name)}**  \n{messages.plain(words.read_as(table, rows))}")
    if table.left_out:
        shown = ", ".join(map(messages.plain, table.left_out[:5]))
        more = f" and {whole(len(table.left_out) - 5)} more" if len(table.left_out) > 5 else ""
        st.caption(f"Left out: {shown}{more}.")
    if table.format in ("csv", "tsv", "text", *PARTS) or len(table.sheets) > 1:
        with st.expander("How it was read", icon=":material/tune:"):
            st.caption("Detected from the content. If the preview looks wrong, change it here.")
            options(table, choices)
            if choices.get("options"):
                st.button(
                    "Detect it again", key="automatic", icon=":material/restart_alt:", on_click=choices.put,
                    kwargs={"options": None},
                )  # fmt: skip


def left_out(table: Table) -> None:
    if table.rejected_count:
        with st.expander(
            f"{words.count(table.rejected_count, 'row')} could not be read and will be left out",
            icon=":material/warning:",
        ):
            st.dataframe(
                [one.shown() for one in table.rejected[:PREVIEW_ROWS]],
                hide_index=True,
                alt="Rows that could not be read, with line, reason and content",
            )


def options(table: Table, choices: Choices) -> None:
    def changed(name: str, convert=lambda value: value) -> None:
        choices.set_option(name, convert(st.session_state[choices.widget(name)]))

    boxes = st.columns(2) * 2
    if table.encoding:
        known = list(dict.fromkeys([table.encoding, *ENCODINGS]))
        boxes[0].selectbox(
            "Encoding", known, format_func=lambda one: ENCODINGS.get(one, one), key=choices.widget("encoding"),
            on_change=partial(changed, "encoding"), help="Change it when letters such as ä or é look wrong.",
        )  # fmt: skip
        known = list(dict.fromkeys([table.separator or ",", *SEPARATORS]))
        boxes[1].selectbox(
            "Column separator", known,
            format_func=lambda one: SEPARATORS.get(separator_of(one), repr(one)).capitalize(),
            key=choices.widget("separator"), accept_new_options=True,
            on_change=partial(changed, "separator", separator_of),
        )  # fmt: skip
        quotes = {'"': 'Quotation marks (")', "'": "Apostrophes (')", "": "None"}
        boxes[2].selectbox(
            "Quotes around texts", list(quotes), format_func=quotes.get, index=list(quotes).index(table.quote or ""),
            key=choices.widget("quote"), on_change=partial(changed, "quote"),
        )  # fmt: skip
    if len(table.sheets) > 1:
        boxes[0].selectbox(
            PARTS.get(table.format, "file in the archive").capitalize(), table.sheets,
            index=table.sheets.index(table.sheet) if table.sheet else None, key=choices.widget("sheet"),
            placeholder="All with the same columns", on_change=partial(changed, "sheet"),
        )  # fmt: skip
    boxes[3].number_input(
        "Header row (0: none)", 0, 100, table.names_row, key=choices.widget("names_row"),
        on_change=partial(changed, "names_row", int), help="Blank lines do not count.",
    )  # fmt: skip
    boxes[0].number_input(
        "First data row", 1, 1000, table.first_row, key=choices.widget("first_row"),
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
    labels = known if roles.label in (None, *known) else [roles.label, *known]

    def another_label() -> None:
        kept = [name for name in choices.get("remedies", []) if not makes_classes(name)]
        choices.put(label=st.session_state[choices.widget("label")], remedies=kept or None)

    with left:
        text = st.multiselect(
            "Column with the texts", known, default=text, format_func=named, key=choices.widget("text"),
            on_change=choices.setter("text"), placeholder="Choose a column", select_all=False,
            help="If you choose several, their texts are joined.",
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
            "Column with the labels", labels, index=labels.index(label) if label in labels else None, format_func=named,
            key=choices.widget("label"), on_change=another_label, placeholder="Choose a column",
        )  # fmt: skip
        if label and label == roles.label:
            st.caption(f"Proposed because it has {messages.plain(roles.reasons[label])}.")
    return text, label


def preview(table: Table, rows: int, text: list[str]) -> None:
    with st.expander("Preview", expanded=True, icon=":material/table_rows:"):
        frame = table.frame.rename(columns=partial(words.column, header=table.header))
        wide = {words.column(name, table.header): st.column_config.TextColumn(width="large") for name in text}
        st.dataframe(frame, height=250, hide_index=True, alt="The first rows of the table", column_config=wide)
        st.caption(f"The first {whole(len(table.frame))} of {words.count(rows, 'row')}.")


# -- saving -----------------------------------------------------------------------------------------


def save_form(drafting: Step, table: Table, choices: Choices) -> DatasetInfo | None:
    facts = workbench.facts_of(state.workspace(), drafting)
    if any(problem.severity == "blocking" for problem in workbench.problems_of(facts)):
        st.caption("You can save it once the problems in the red boxes above are fixed.")
        return None
    parent = workbench.upload_info(state.workspace(), choices.key).get("parent")
    before = load_info(state.workspace(), parent) if parent else None
    left, right = st.columns(2)
    named = before.name if before else table.name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    name = left.text_input(
        "Name",
        value=choices.get("name", named),
        max_chars=80,
        key=choices.widget("name"),
        on_change=choices.setter("name"),
    )
    about = right.text_input(
        "Description", value=choices.get("about", before.description if before else ""), max_chars=300,
        key=choices.widget("about"), on_change=choices.setter("about"), placeholder="Where it is from, what it is for",
    )  # fmt: skip
    st.caption("  ·  ".join(f"{words.SPLITS[one]}: {whole(facts['counts'][one])}" for one in SPLITS))
    if not st.button("Save", type="primary", icon=":material/save:", key="save"):
        return None
    drafted = workbench.drafted(state.workspace(), drafting, name.strip() or named)
    return save(state.workspace(), drafted, description=about.strip(), parent=parent)


def _listed(names: list[str], named) -> str:
    return ", ".join(messages.plain(named(name)) for name in names[:3])
