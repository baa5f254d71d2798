"""Which model is better, and is the gap real?"""

import streamlit as st

from engine.data.datasets import family
from engine.evaluation import LEAST_RUNS, MOST_RUNS, MOST_TEXTS
from engine.figures import rounded, whole
from engine.runs import queue
from engine.runs.events import History
from engine.runs.store import Run
from engine.serving import rules
from engine.studies import records
from engine.studies.records import Study
from pages.parts import bringing, cached, charts, frame, matrices, messages, state, studies, typing, words

MATRICES = 2


def page() -> None:
    st.title("Compare")
    study = studies.choose()
    if study:
        chosen = of_study(study, studies.show(study))
        if len(chosen) >= LEAST_RUNS:
            side_by_side(chosen)
        return
    scored = {run.id: run for run in queue.usable(state.workspace())}
    if len(scored) < LEAST_RUNS:
        messages.empty(
            "Nothing to compare yet",
            "You need two finished runs on the same data set: two models, or one model with different settings.",
            "pages/train.py",
            "Go to Train",
            ":material/model_training:",
        )
        return
    chosen = choose(scored)
    if len(chosen) < LEAST_RUNS:
        st.caption("Choose at least two runs.")
        return
    side_by_side(chosen)


def side_by_side(chosen: tuple[str, ...]) -> None:
    stamps = tuple(state.workspace().run(run_id).metrics.stat().st_mtime for run_id in chosen)
    called = tuple(queue.get_run(state.workspace(), run_id).name for run_id in chosen)
    found = cached.comparison(str(state.workspace().root), chosen, stamps, called)
    names = found.names
    leaderboard(found, names)
    verdicts(found)
    trade_off(found, names)
    disagreements(found, names, chosen, stamps)
    ask_all(found, names)
    two_matrices(found, names)
    depths(found, names)


def of_study(study: Study, scored: tuple[str, ...]) -> tuple[str, ...]:
    """All of its runs with scores; where they are too many, at first the ten that were best on validation, and others as one
    likes. scored: the best on validation first."""
    if len(scored) <= MOST_RUNS:
        return scored
    labels = records.standing(state.workspace(), study).labels
    return tuple(
        st.multiselect(
            f"Compared below: at first the best {MOST_RUNS} of {len(scored)} on validation",
            scored,
            default=scored[:MOST_RUNS],
            format_func=lambda one: f"{labels[one]}, {one[:4]}",
            key=f"compared_of_{study.id}",
            max_selections=MOST_RUNS,
            persist_state="session",
            help=records.WHY_VALIDATION,
        )
    )


def choose(scored: dict[str, Run]) -> tuple[str, ...]:
    """Two to ten runs, named in the address; at first the newest ones on the newest data set and its other versions."""
    address = st.query_params.get("runs", "")
    asked = [one for one in address.split(",") if one in scored]
    newest = next(iter(scored.values())).dataset_id
    versions = {newest, *(one.id for one in family(state.workspace(), newest))}
    proposed = [run_id for run_id, run in scored.items() if run.dataset_id in versions][:4]
    remembered = st.session_state.get("compared")
    if asked and address != st.session_state.get("compared_address"):  # of a link that was followed
        st.session_state["compared"] = asked
    elif remembered is None or set(remembered) - set(scored):
        st.session_state["compared"] = asked or proposed
    chosen = st.multiselect(
        "Runs",
        list(scored),
        format_func=lambda one: f"{scored[one].name}, {scored[one].dataset_name}, {one[:4]}",
        key="compared",
        max_selections=MOST_RUNS,
        persist_state="session",
        help="Two to ten runs that were tested on the same texts, or on versions of the same data set.",
    )
    st.query_params["runs"] = st.session_state["compared_address"] = ",".join(chosen)
    return tuple(chosen)


def leaderboard(found, names: dict[str, str]) -> None:
    brought = [one.run for one in found.entries if one.run.imported]
    unseen = "" if brought else ", which none of them had seen"
    st.caption(found.note or f"All runs were tested on the same {whole(found.rows)} texts{unseen}.")
    if found.bias:
        st.caption(f":material/balance: {messages.plain(found.bias)}")
    bringing.note(*brought)
    rows = [
        {
            "Run": names[one.run.id],
            "Accuracy": one.accuracy,
            "95% interval": words.between(one.intervals["accuracy"]),
            "Macro-F1": one.macro_f1,
            "Training time": one.seconds,
            "Time per text": one.milliseconds,
            "Size": float(one.bytes),
        }
        for one in found.entries
    ]
    base = found.baseline
    learnt = f", trained on {whole(base['train_rows'])} texts" if base["train_rows"] else ""
    rows.append(
        {
            "Run": "Baseline (word counting)",
            "Accuracy": base["accuracy"],
            "95% interval": words.between(base["interval"]),
            "Macro-F1": base["macro_f1"],
        }
    )
    st.dataframe(
        words.table(
            rows,
            **{
                "Accuracy": words.share,
                "Macro-F1": words.score,
                "Training time": lambda seconds: f"{rounded(seconds)} s",
                "Time per text": lambda milliseconds: f"{rounded(milliseconds, 2)} ms",
                "Size": words.size,
            },
        ),
        hide_index=True,
        alt="The runs, the best first, with word counting as the last row",
        placeholder="",
        column_config={
            "Run": st.column_config.TextColumn(width="medium", help=f"Word counting: {base['name']}{learnt}."),
            "95% interval": st.column_config.TextColumn(
                help="With 95% confidence, the accuracy on texts like these lies in this range (Wilson interval)."
            ),
            "Time per text": st.column_config.NumberColumn(
                help="Measured on 100 texts at once, tokenization included: the median of three times, on the machine that "
                "trained the model.",
            ),
        },
    )


def verdicts(found) -> None:
    st.header(
        "Is the gap real?",
        help="The exact McNemar test looks at the texts that only one of two models gets right. The p-value is how often "
        "luck alone would give a gap this large. It is corrected for the number of pairs (Holm).",
    )
    st.caption(found.caveat)
    first = sorted(zip(found.pairs, found.verdicts, strict=True), key=lambda pair: pair[0].adjusted)
    for pair, verdict in first[:3]:
        icon = ":material/check_circle:" if pair.better else ":material/casino:"
        st.markdown(f"{icon} {messages.plain(verdict)}")
    if len(first) > 3:
        with st.expander(f"{len(first) - 3} more pairs", icon=":material/list:"):
            for pair, verdict in first[3:]:
                icon = ":material/check_circle:" if pair.better else ":material/casino:"
                st.markdown(f"{icon} {messages.plain(verdict)}")


def trade_off(found, names: dict[str, str]) -> None:
    timed = [one for one in found.entries if one.milliseconds is not None]
    if len(timed) < LEAST_RUNS:
        return
    st.header(
        "Accuracy and speed",
        help="Stars mark the best trade-offs: runs that no other run beats in both. Times within 10% of each other count as "
        "equal.",
    )
    points = {
        names[one.run.id]: (
            one.milliseconds,
            one.accuracy,
            one.intervals["accuracy"],
            one.run.id in found.trade_offs,
        )
        for one in timed
    }
    charts.show(charts.trade_off(points), "Accuracy against milliseconds per text", "trade_off", height=300)


def disagreements(found, names: dict[str, str], chosen: tuple[str, ...], stamps: tuple[float, ...]) -> None:
    table = cached.disagreements(found, chosen, stamps)
    st.header("Where they disagree")
    if table.empty:
        st.caption("All runs give the same answer to every test text.")
        return
    st.caption(
        f"The runs disagree on {whole(len(table))} of {whole(found.rows)} texts. The most divided come first."
        + (f" The first {MOST_TEXTS} are shown." if len(table) > MOST_TEXTS else "")
    )
    st.dataframe(
        table.head(MOST_TEXTS),
        hide_index=True,
        height=330,
        alt="Texts on which the runs disagree, with what each says",
        column_config={
            "text": st.column_config.TextColumn("Text", width="large"),
            "label": "True label",
            **names,
        },
    )


def ask_all(found, names: dict[str, str]) -> None:
    """One text, all models."""
    with st.expander("Ask all models", icon=":material/forum:", on_change="rerun") as place:
        if place.open:
            st.fragment(_asked)([one.run.id for one in found.entries], names)


def _asked(ids: list[str], names: dict[str, str]) -> None:
    with state.reported():
        text = st.text_area(
            "Your text",
            key="ask_all",
            height=100,
            max_chars=typing.MOST_CHARACTERS,
            placeholder="Type or paste a text; the answers follow when you pause",
        ).strip()
        typing.send_after_a_pause("ask_all")
        if not text:
            return
        answers = {}
        for run_id in ids:
            paths = state.workspace().run(run_id)
            model = cached.predictor(*cached.model_of(paths))
            answers[run_id] = model.predict([text], rules.read(paths).temperature)[0]
        st.dataframe(
            words.table(
                [
                    {"Run": names[run_id], "answer": one.label, "confidence": one.confidence}
                    for run_id, one in answers.items()
                ],
                confidence=words.share,
            ),
            hide_index=True,
            alt="What each run says about the text",
            key="asked_all",
        )


def two_matrices(found, names: dict[str, str]) -> None:
    with st.expander("Confusion matrices side by side", icon=":material/grid_on:", on_change="rerun") as place:
        if not place.open:
            return
        ids = [one.run.id for one in found.entries]
        columns = st.container(key="stacks_matrices").columns(MATRICES)
        picked = [
            column.selectbox(label, ids, index=index, format_func=names.get, key=f"matrix_{index}")
            for index, (column, label) in enumerate(zip(columns, ("Left", "Right"), strict=True))
        ]
        by_id = {one.run.id: one.confusion for one in found.entries}
        left, right = (by_id[one] for one in picked)
        height = max(360, min(800, 40 * len(left["labels"]) + 110))
        for place, run_id, matrix in zip(("left", "right"), picked, (left, right), strict=True):
            with columns[place == "right"]:
                figure = matrices.confusion(matrix["labels"], matrix["counts"])
                charts.show(figure, f"Confusion matrix of {names[run_id]}", f"side_{place}_{run_id}", height=height)
        if left["labels"] != right["labels"]:
            st.caption("These two models have different labels, so their matrices cannot be subtracted.")
        elif picked[0] != picked[1]:
            st.markdown(
                "**Left minus right.** Green: the left model does better here, with more right answers or fewer mistakes."
            )
            charts.show(
                matrices.difference(left["labels"], left["counts"], right["counts"]),
                "Difference of the two confusion matrices",
                "difference",
                height=height,
            )


def depths(found, names: dict[str, str]) -> None:
    with st.expander("Different settings and training curves", icon=":material/tune:", on_change="rerun") as place:
        if not place.open:
            return
        runs = [one.run for one in found.entries]
        rows = cached.settings_that_differ(str(state.workspace().root), runs)
        if rows:
            st.dataframe(
                [
                    {
                        "setting": words.setting(field),
                        **{run_id: words.value(value) for run_id, value in values.items()},
                    }
                    for field, values in rows.items()
                ],
                hide_index=True,
                alt="Settings that are not the same for all runs",
                column_config={"setting": "Setting", **names},
            )
        else:
            st.caption("All settings are the same.")
        histories = {
            names[run.id]: history for run in runs if (history := History.read(state.workspace().run(run.id).events)).epochs
        }
        if histories:
            left, right = st.columns(2)
            with left:
                charts.show(charts.losses(histories), "Training loss of each run", "losses", height=320)
            with right:
                charts.show(charts.validations(histories), "Macro-F1 of each run by epoch", "rounds", height=320)


frame.show(page)
