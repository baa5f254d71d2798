"""The health report of a draft: findings with their rows and remedies, labels and rows to correct by hand."""

import pandas as pd
import streamlit as st

from engine.data import workbench
from engine.data.columns import Trap
from engine.data.health import Problem
from engine.data.repairs import outcome, remedy, spellings
from engine.data.workbench import Step
from engine.figures import whole
from pages.parts import cached, charts, messages, state, words
from pages.parts.choices import Choices

EDITED_ROWS = 100
MOST_NAMED = 200  # labels that can be renamed by hand on the page
ALARMING = ("gives_away", "same_as_label", "group", "second_label")


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
    advice = [one for one in problems if one.severity == "advice" and one.code != "unreadable_rows"]  # these stand above
    traps = workbench.roles_of(facts).traps
    beware = [trap for trap in traps if trap.kind in ALARMING]
    if not (problems or beware):
        st.success("No problems found. This data is ready for training.", icon=":material/check_circle:")
    if advice or beware:
        mended = sum(problem.fix is not None for problem in advice)
        by_click = f"; {mended} can be fixed with one click" if mended else ""
        st.markdown(f"{words.count(len(advice) + len(beware), 'thing')} worth knowing{by_click}.")
        kept_open = choices.widget("advice")
        with st.expander("Findings and fixes", icon=":material/lightbulb:", key=kept_open, on_change="rerun"):
            for problem in advice:
                finding(problem, choices)
            beside(beware)
    others = [trap for trap in traps if trap.kind not in ALARMING]
    if others:
        with st.expander(f"Other columns ({len(others)})", icon=":material/view_column:"):
            beside(others)
    if not blocking:
        figures(facts["classes"], tokens)
    if facts["file_labels"]:
        with st.expander("Rename or merge labels", icon=":material/label:", key=choices.widget("naming")):
            label_names(facts["file_labels"], choices)
        if not blocking:
            with st.expander("Browse rows and correct labels", icon=":material/edit:", key=choices.widget("by_hand")):
                rows_by_hand(drafting, facts["classes"], choices)


def finding(problem: Problem, choices: Choices | None) -> None:
    """A finding with its remedy and its rows, each a click away."""
    sentence = f"**{messages.plain(problem.sentence)}**  \n{messages.plain(problem.remedy)}"
    if problem.severity == "blocking":
        st.error(sentence, icon=":material/block:")
    else:
        st.markdown(sentence)
    with st.container(horizontal=True):
        for fix in problem.fixes if choices is not None else []:
            st.button(
                remedy(fix).button, key=f"fix_{fix}", icon=":material/healing:",
                on_click=treat, args=(choices, [*choices.get("remedies", []), fix]),
            )  # fmt: skip
        if problem.examples:
            with st.popover("Show the rows", key=f"rows_{problem.code}", icon=":material/table_rows:"):
                st.dataframe(problem.examples, hide_index=True, alt=problem.sentence, height=300, width=700)
                if problem.count > len(problem.examples):
                    st.caption(f"The first {len(problem.examples)}.")


def treat(choices: Choices, remedies: list[str]) -> None:
    choices.put(remedies=list(dict.fromkeys(remedies)))  # a second click may come before the page is drawn
    st.session_state[choices.widget("advice")] = True  # the list stays open for the next remedy


def applied(done: list[tuple[str, int]], choices: Choices) -> None:
    """Remedies that were asked for, each with a way back."""
    for name, count in done:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/check: {outcome(name, count)}", width="content")
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
        st.markdown(f"**Text lengths**: half have at most {whole(sorted(tokens)[len(tokens) // 2])} tokens")
        charts.show(charts.lengths(tokens), "Histogram of the text lengths in tokens", "lengths")


def label_names(file_labels: dict[str, int], choices: Choices) -> None:
    """A table of the labels in the file; what is typed beside one is its name from now on."""
    st.caption(
        "Type another name to rename a label. Two labels with the same name become one; an empty name leaves the label out."
    )
    names = choices.get("label_names", {})
    merged = spellings(file_labels) if "merge_spellings" in choices.get("remedies", []) else {}
    shown = [label for label in file_labels if label][:MOST_NAMED]
    given = pd.DataFrame({"label in the file": shown, "rows": [file_labels[one] for one in shown],
                          "name": [names.get(one, merged.get(one, one)) for one in shown]})  # fmt: skip

    def changed() -> None:
        edited = st.session_state[choices.widget("names")]["edited_rows"]
        new = {shown[int(row)]: (cells.get("name") or "").strip() for row, cells in edited.items() if "name" in cells}
        renamed = {label: name for label, name in (names | new).items() if label != name}
        choices.put(label_names=renamed or None)

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
    listed = hash(tuple(zip(numbers, found["label"], strict=True)))
    shown = choices.widget(f"rows_{listed}")  # edits are told by place, so another list is another widget
    table = found[["text", "label", "split"]].assign(**{"leave out": False})

    def changed() -> None:
        edits = {int(row): name for row, name in choices.get("edits", {}).items()}
        for row, cells in st.session_state[shown]["edited_rows"].items():
            edits[numbers[int(row)]] = "" if cells.get("leave out") else cells.get("label", found["label"][int(row)])
        choices.put(edits=edits or None)

    st.data_editor(
        table, key=shown, hide_index=True, height=300, disabled=["text", "split"], on_change=changed,
        column_config={"text": st.column_config.TextColumn(width="large"),
                       "label": st.column_config.SelectboxColumn(options=list(classes), required=True)},
        alt="Rows with their labels, which can be changed",
    )  # fmt: skip
    cut = len(found) == EDITED_ROWS
    st.caption(f"The first {EDITED_ROWS} matching rows." if cut else f"{words.count(len(found), 'matching row')}.")
    if choices.get("edits"):
        st.button(
            f"Undo all {whole(len(choices.get('edits')))} corrections", key="undo_edits", type="tertiary",
            on_click=choices.put, kwargs={"edits": None},
        )  # fmt: skip
