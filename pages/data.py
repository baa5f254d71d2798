"""Is my data fit to learn from?"""

import streamlit as st

from engine.data.columns import Roles, split_of
from engine.data.datasets import SHARES, DatasetInfo, Draft, draft, list_datasets, load_rows, save
from engine.data.health import Problem, examine
from engine.data.reading import Table
from engine.data.samples import SAMPLES
from engine.data.splitting import SPLITS
from engine.data.uploads import keep_upload
from engine.errors import TuneboardError
from pages.parts import cached, charts, frame, messages, state, words

FILE_TYPES = ["csv", "tsv", "txt", "json", "jsonl", "xlsx", "xls", "ods", "parquet"]
PREVIEW_ROWS = 200


def page() -> None:
    st.title("Data")
    origin = st.session_state.get("origin")
    datasets = list_datasets(state.workspace())
    if origin:
        try:
            look_at(origin)
        except TuneboardError:
            start_over()  # what cannot be read is let go, so that the next try starts fresh
            raise
        return
    st.caption("Texts with a label each: what the model will learn from.")
    add(first_time=not datasets)
    if datasets:
        saved(datasets)


def add(first_time: bool) -> None:
    with st.container(border=True):
        st.header("Start with a file or a sample" if first_time else "Add data")
        uploaded = upload("Drop a table here: one row per text, one column with its label", "main")
        if uploaded:
            st.session_state.origin = ("upload", uploaded)
            st.rerun()
        st.caption(
            "CSV, TSV, JSON, JSONL, Excel or Parquet, up to 200 MB. It stays on this machine. No file at hand? Try a sample:"
        )
        with st.container(horizontal=True):
            for name, about in SAMPLES.items():
                if st.button(name.capitalize(), key=f"sample_{name}", icon=":material/science:", help=about):
                    st.session_state.origin = ("sample", name)
                    st.rerun()


def upload(label: str, key: str) -> str | None:
    """An uploader whose file goes to disk at once, so that the session holds only its key."""
    turn = st.session_state.setdefault(f"turn_{key}", 0)
    file = st.file_uploader(label, type=FILE_TYPES, key=f"upload_{key}_{turn}")
    if file is None:
        return None
    with state.reported():
        kept = keep_upload(state.workspace(), file.getvalue(), file.name)
        st.session_state[f"turn_{key}"] += 1
        return kept
    return None


def look_at(origin: tuple[str, str]) -> None:
    """A table before it is saved: columns, problems, balance, lengths, split."""
    st.button(
        "Choose another file",
        key="start_over",
        icon=":material/arrow_back:",
        type="tertiary",
        on_click=start_over,
    )
    table, roles = cached.source(origin, str(state.workspace().root))
    st.markdown(f"**{messages.plain(table.name)}**  \n{messages.plain(table.described())}")
    if table.rejected:
        rejected(table)
    left, right = st.columns(2)
    text = column_box(left, "Column with the texts", table, roles, "text", origin)
    label = column_box(right, "Column with the labels", table, roles, "label", origin)
    with st.expander("Preview", expanded=True, icon=":material/table_rows:"):
        st.dataframe(
            table.frame.head(PREVIEW_ROWS),
            height=250,
            hide_index=True,
            alt="The first rows of the table",
            column_config={text: st.column_config.TextColumn(width="large")} if text else None,
        )
        st.caption(f"The first {min(PREVIEW_ROWS, len(table.frame)):,} of {len(table.frame):,} rows.")
    if not (text and label):
        st.warning("Choose one column with the texts and one with the labels.", icon=":material/rule:")
        return
    problems = examine(table.frame[text], table.frame[label])
    health(table, problems)
    if any(problem.severity == "blocking" for problem in problems):
        return
    facts(origin, table, text, label)
    split_and_save(origin, table, text, label, roles.split)


def start_over() -> None:
    for key in ("origin", "test_origin"):
        st.session_state.pop(key, None)


def rejected(table: Table) -> None:
    with st.expander(
        f"{len(table.rejected):,} lines could not be read; they are left out", icon=":material/warning:"
    ):
        st.dataframe(
            [{"line": one.line, "reason": one.reason} for one in table.rejected[:PREVIEW_ROWS]],
            hide_index=True,
            alt="Lines that could not be read",
        )


def column_box(
    place, title: str, table: Table, roles: Roles, role: str, origin: tuple[str, str]
) -> str | None:
    """A box with the proposed column chosen, and why it was proposed."""
    proposed = getattr(roles, role)
    with place:
        chosen = st.selectbox(
            title,
            table.columns,
            index=table.columns.index(proposed) if proposed else None,
            key=f"column_{role}_{origin[1]}",
            placeholder="Choose a column",
        )
        if chosen is not None and chosen == proposed:
            verb = "is" if role == "text" else "has"
            st.caption(f"Proposed because it {verb} {messages.plain(roles.reasons[chosen])}.")
        return chosen


def health(table: Table, problems: list[Problem]) -> None:
    if not problems:
        st.success("Nothing stands in the way of training.", icon=":material/check_circle:")
        return
    blocking = [problem for problem in problems if problem.severity == "blocking"]
    for problem in blocking:
        st.error(
            f"{messages.plain(problem.sentence)}  \n**{messages.plain(problem.remedy)}**",
            icon=":material/block:",
        )
    advice = [problem for problem in problems if problem.severity == "advice"]
    if not advice:
        return
    with st.expander(f"{len(advice)} things worth knowing", icon=":material/lightbulb:"):
        for problem in advice:
            st.markdown(f"**{messages.plain(problem.sentence)}** {messages.plain(problem.remedy)}")
            if problem.rows:
                st.dataframe(
                    table.frame.iloc[problem.rows], height=150, hide_index=True, alt=problem.sentence
                )


def facts(origin: tuple[str, str], table: Table, text: str, label: str) -> None:
    left, right = st.columns(2)
    sizes = table.frame[label].str.strip().value_counts()
    tokens = cached.token_lengths(origin, text, str(state.workspace().root))
    with left:
        st.markdown(f"**Class balance**: {len(sizes):,} classes")
        charts.show(charts.class_balance(sizes[sizes.index != ""].to_dict()), "Texts per class", "balance")
    with right:
        st.markdown(f"**Text lengths**: half have at most {sorted(tokens)[len(tokens) // 2]:,} tokens")
        charts.show(charts.lengths(tokens), "Histogram of the text lengths in tokens", "lengths")


def split_and_save(
    origin: tuple[str, str], table: Table, text: str, label: str, split_column: str | None
) -> None:
    st.header(
        "Training and test",
        help="The model learns from the training texts. After each round it is tried on the "
        "validation texts, to keep the best round. The test texts are used once, at the end, for an honest score.",
    )
    ways = {
        "share": "Split by chance, each class evenly (stratified)",
        "file": "A second file is the test",
        "column": "A column says it",
    }
    way = st.radio(
        "Where do the test texts come from?",
        list(ways),
        format_func=ways.get,
        horizontal=True,
        index=2 if split_column else 0,
        key=f"way_{origin[1]}",
    )
    options: dict = {}
    if way == "share":
        options["shares"] = shares()
    elif way == "file":
        options["test"] = second_file()
        if options["test"] is None:
            return
    else:
        names = [name for name in table.columns if name not in (text, label)]
        options["split_column"] = st.selectbox(
            "Column with train, validation or test",
            names,
            index=names.index(split_column) if split_column in names else None,
            placeholder="Choose a column",
        )
        if options["split_column"] is None:
            return
        if not table.frame[options["split_column"]].map(split_of).notna().any():
            st.warning("No row of this column says train, validation or test.", icon=":material/rule:")
            return
    with state.reported():
        name = st.text_input(
            "Name", value=table.name.rsplit(".", 1)[0], max_chars=80, key=f"name_{origin[1]}"
        )
        save_button(draft(table, text, label, name=name.strip(), **options))


def shares() -> dict[str, float]:
    with st.expander("Change the shares", icon=":material/tune:"):
        test = (
            st.slider(
                "Test, % of the texts",
                5,
                50,
                round(SHARES["test"] * 100),
                5,
                help="More test texts make the score surer; fewer leave more to learn from.",
            )
            / 100
        )
        validation = (
            st.slider(
                "Validation, % of the texts",
                5,
                40,
                round(SHARES["validation"] * 100),
                5,
                help="Used after each round to choose the best one.",
            )
            / 100
        )
    return {"train": 1 - test - validation, "validation": validation, "test": test}


def second_file() -> Table | None:
    uploaded = upload("Test file, with the same columns", "test")
    if uploaded:
        st.session_state.test_origin = ("upload", uploaded)
        st.rerun()
    origin = st.session_state.get("test_origin")
    if not origin:
        return None
    table, _ = cached.source(origin, str(state.workspace().root))
    st.caption(f"Test: {messages.plain(table.name)}, {messages.plain(table.described())}")
    return table


def save_button(drafted: Draft) -> None:
    counts = drafted.counts()
    st.caption("  ·  ".join(f"{words.SPLITS[split]}: {counts[split]:,}" for split in SPLITS))
    if st.button("Save", type="primary", icon=":material/save:", key="save"):
        info = save(state.workspace(), drafted)
        start_over()
        st.session_state.just_saved = info.id
        st.query_params["dataset"] = info.id
        st.rerun()


def saved(datasets: list[DatasetInfo]) -> None:
    st.header("Your data sets")
    info = state.pick(
        "Data set",
        datasets,
        "dataset",
        lambda one: one.id,
        lambda one: f"{one.name}, {one.total:,} texts, {one.id[:4]}",
    )
    if st.session_state.pop("just_saved", None) == info.id:
        st.toast("Saved.", icon=":material/check_circle:")
    with st.container(horizontal=True):
        for split in SPLITS:
            st.metric(words.SPLITS[split], f"{info.rows[split]:,}", border=True, width=160)
        st.metric("Classes", len(info.labels), border=True, width=160)
    if st.button("Train a model on it", type="primary", icon=":material/arrow_forward:", key="to_train"):
        st.switch_page("pages/train.py", query_params={"dataset": info.id})
    with st.expander("What is in it", icon=":material/table_rows:"):
        details(info)


def details(info: DatasetInfo) -> None:
    st.markdown(
        f"From {messages.plain(info.source)} ({messages.plain(info.read_as)}). "
        f"Texts: {messages.plain(info.text_column)}, "
        f"labels: {messages.plain(info.label_column)}. Split: {messages.plain(info.split_by)}. "
        f"Saved {words.when(info.created_at)}."
    )
    for note in info.notes:
        st.markdown(f"- {messages.plain(note)}")
    charts.show(
        charts.class_balance(info.classes),
        "Texts per class",
        "saved_balance",
        height=max(160, 28 * min(40, len(info.classes))),
    )
    st.dataframe(
        load_rows(state.workspace(), info.id).head(PREVIEW_ROWS),
        height=250,
        hide_index=True,
        alt="The first rows of the data set",
    )


frame.show(page)
