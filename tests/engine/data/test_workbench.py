import gzip
import io
import os
import resource
import signal
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pandas as pd
import psutil
import pytest

from engine.data import workbench
from engine.data.datasets import load_rows, save
from engine.data.reading import Options
from engine.data.reading.table import LISTED_REJECTED
from engine.data.recipe import Recipe
from engine.errors import DataError, NotFoundError
from engine.paths import read_json
from tests.words import easy_csv

RECIPE = Recipe(text="text", label="label")


def keep(workspace, text: str, name: str = "easy.csv") -> str:
    return workbench.keep(workspace, io.BytesIO(text.encode()), name)


def finish(workspace, step, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not workbench.ensure(workspace, step).done:
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def room_for(size: int):
    """Here, and in processes that are started meanwhile, no file grows beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def in_a_process(monkeypatch):
    """As if every file were a large one."""
    monkeypatch.setattr(workbench, "AT_ONCE", -1)


def test_from_an_upload_to_a_data_set(workspace):
    reading = workbench.read_step(keep(workspace, easy_csv(100)), Options())
    assert workbench.ensure(workspace, reading).done
    assert workbench.roles_of(workbench.facts_of(workspace, reading)).text == "text"
    drafting = workbench.draft_step(reading, RECIPE)
    assert workbench.ensure(workspace, drafting).done
    info = save(workspace, workbench.drafted(workspace, drafting, "mine"))
    assert len(load_rows(workspace, info.id)) == 100
    assert info.name == "mine"


def test_a_process_gives_the_same_as_the_page_itself(workspace, monkeypatch):
    key = keep(workspace, easy_csv(300))
    reading = workbench.read_step(key, Options())
    drafting = workbench.draft_step(reading, RECIPE)
    workbench.ensure(workspace, reading)
    workbench.ensure(workspace, drafting)
    here = workbench.drafted(workspace, drafting, "x")
    for step in (reading, drafting):
        workbench.cancel(workspace, step)
    monkeypatch.setattr(workbench, "AT_ONCE", -1)
    for step in (reading, drafting):
        assert not workbench.ensure(workspace, step).done
        finish(workspace, step)
    there = workbench.drafted(workspace, drafting, "x")
    assert there.rows.equals(here.rows)
    assert there.problems == here.problems


def test_a_problem_found_by_a_process_is_the_same_sentence(workspace, in_a_process):
    step = workbench.read_step(keep(workspace, "text,label\n"), Options())
    with pytest.raises(DataError, match="no rows below its header"):
        finish(workspace, step)
    with pytest.raises(DataError, match="no rows below its header"):
        workbench.ensure(workspace, step)


def test_a_cancelled_process_is_gone_and_leaves_nothing(workspace, in_a_process):
    step = workbench.read_step(keep(workspace, easy_csv(2000)), Options())
    workbench.ensure(workspace, step)
    pid = read_json(step.folder(workspace) / "process.json")["pid"]
    workbench.cancel(workspace, step)
    assert not step.folder(workspace).exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    finish(workspace, step)  # and it can be asked for again


def test_a_clock_that_is_set_does_not_break_a_process_off(workspace, in_a_process, monkeypatch):
    step = workbench.read_step(keep(workspace, easy_csv(2000)), Options())
    workbench.ensure(workspace, step)
    pid = read_json(step.folder(workspace) / "process.json")["pid"]
    os.kill(pid, signal.SIGSTOP)
    started = psutil.Process.create_time  # counted from the moment of the boot, which moves with the clock
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: started(process) + 3600)
    assert not workbench.ensure(workspace, step).done
    os.kill(pid, signal.SIGCONT)
    finish(workspace, step)


def test_a_killed_process_is_said_so(workspace, in_a_process):
    step = workbench.read_step(keep(workspace, easy_csv(2000)), Options())
    workbench.ensure(workspace, step)
    os.kill(read_json(step.folder(workspace) / "process.json")["pid"], signal.SIGKILL)
    with pytest.raises(DataError, match="interrupted"):
        finish(workspace, step)


def test_what_does_not_fit_on_the_disk_is_said_once_and_tried_again_when_it_is_uploaded_again(workspace, in_a_process):
    step = workbench.read_step(keep(workspace, easy_csv(2000)), Options())
    with room_for(8192):
        for _ in range(2):
            with pytest.raises(DataError, match="then upload it again") as full:
                finish(workspace, step)
    assert full.value.code == "disk_full"
    assert not list(step.folder(workspace).rglob("*.parquet"))
    assert keep(workspace, easy_csv(2000)) == step.key
    finish(workspace, step)
    assert workbench.facts_of(workspace, step)["rows"] == 2000


@pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="only Linux can limit another process")
def test_where_not_even_that_fits_the_process_is_said_to_be_broken_off(workspace, in_a_process):
    step = workbench.read_step(keep(workspace, easy_csv(2000)), Options())
    workbench.ensure(workspace, step)
    process = psutil.Process(read_json(step.folder(workspace) / "process.json")["pid"])
    process.rlimit(psutil.RLIMIT_FSIZE, (0, 0))
    with pytest.raises(DataError, match="interrupted"):
        finish(workspace, step)


def test_a_slower_one_takes_nothing_away_from_who_was_done_before(workspace):
    step = workbench.read_step(keep(workspace, easy_csv(2000)), Options())
    assert workbench.ensure(workspace, step).done
    with room_for(8192):
        workbench.carry_out(workspace, step)
    assert workbench.ensure(workspace, step).done
    assert len(workbench.read_table(workspace, step).frame) == 2000


def test_a_table_is_whole_whenever_it_is_read(workspace):
    step = workbench.read_step(keep(workspace, easy_csv(2000)), Options())
    assert workbench.ensure(workspace, step).done
    with ThreadPoolExecutor(1) as beside:
        slower = beside.submit(lambda: [workbench.carry_out(workspace, step) for _ in range(10)])
        while not slower.done():
            assert len(workbench.read_table(workspace, step).frame) == 2000
    slower.result()


def test_of_tabs_that_ask_at_once_only_one_starts_a_process(workspace, in_a_process):
    step = workbench.read_step(keep(workspace, easy_csv(2000)), Options())
    before = {*psutil.Process().children()}
    with ThreadPoolExecutor(8) as tabs:
        found = list(tabs.map(lambda _: workbench.ensure(workspace, step), range(8)))
    assert not any(state.done for state in found)
    assert len({*psutil.Process().children()} - before) == 1
    finish(workspace, step)


def test_what_takes_long_gets_a_process_whatever_its_file_weighs(workspace, monkeypatch):
    text = easy_csv(3000)
    packed = io.BytesIO(gzip.compress(text.encode()))
    monkeypatch.setattr(workbench, "AT_ONCE", 2 * len(packed.getvalue()))
    archive = workbench.read_step(workbench.keep(workspace, packed, "easy.csv.gz"), Options())
    assert not workbench.ensure(workspace, archive).done  # it holds several times what it weighs
    finish(workspace, archive)
    small = workbench.read_step(keep(workspace, easy_csv(60, seed=1)), Options())
    assert workbench.ensure(workspace, small).done
    table = archive.folder(workspace) / "table.parquet"
    monkeypatch.setattr(workbench, "AT_ONCE", table.stat().st_size)
    drafting = workbench.draft_step(small, RECIPE.model_copy(update={"split_by": "file"}), archive)
    assert not workbench.ensure(workspace, drafting).done  # it is the test that is large
    finish(workspace, drafting)
    assert workbench.facts_of(workspace, drafting)["rows"] == 3060


def written_by(write, *frames) -> io.BytesIO:
    file = io.BytesIO()
    write(file, *frames)
    file.seek(0)
    return file


def zipped(file: io.BytesIO, name: str = "x.csv") -> io.BytesIO:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, file.getvalue())
    packed.seek(0)
    return packed


# Ten times what is read at once, of which little has to be written down.
LONG = pd.DataFrame({"text": ["a" * 40_000] * 2000, "label": ["good", "bad"] * 1000})
MANY = LONG.assign(text=[f"{i}" * 8000 for i in range(2000)])  # in a spreadsheet, what comes again is there once
GROWS = {
    "parquet": lambda: written_by(lambda file: LONG.to_parquet(file)),
    "many rows": lambda: written_by(lambda file: LONG.assign(text="a").sample(10**6, replace=True).to_parquet(file)),
    "feather": lambda: written_by(lambda file: LONG.to_feather(file, compression="zstd")),
    "a table in a zip": lambda: zipped(GROWS["parquet"]()),
    "zip": lambda: zipped(io.BytesIO(LONG.to_csv(index=False).encode())),
    "gz": lambda: io.BytesIO(gzip.compress(LONG.to_csv(index=False).encode())),
    "xlsx": lambda: written_by(lambda file: MANY.to_excel(file, index=False)),
}


@pytest.mark.parametrize("kind", GROWS)
def test_what_grows_is_unpacked_in_a_process_of_its_own(workspace, kind):
    file = GROWS[kind]()
    assert len(file.getvalue()) < workbench.AT_ONCE / 4
    step = workbench.read_step(workbench.keep(workspace, file, "x"), Options())
    assert not workbench.ensure(workspace, step).done
    workbench.cancel(workspace, step)


@pytest.mark.parametrize("kind", ["parquet", "xlsx", "zip", "gz"])
def test_what_stays_small_is_read_at_once(workspace, kind):
    frame = pd.read_csv(io.StringIO(easy_csv(100)))
    file = {
        "parquet": lambda: written_by(lambda file: frame.to_parquet(file)),
        "xlsx": lambda: written_by(lambda file: frame.to_excel(file, index=False)),
        "zip": lambda: zipped(io.BytesIO(easy_csv(100).encode())),
        "gz": lambda: io.BytesIO(gzip.compress(easy_csv(100).encode())),
    }[kind]()
    step = workbench.read_step(workbench.keep(workspace, file, "x"), Options())
    assert workbench.ensure(workspace, step).done
    assert workbench.ensure(workspace, workbench.draft_step(step, RECIPE)).done


def test_what_is_too_large_is_refused_and_not_kept(workspace, monkeypatch):
    monkeypatch.setattr(workbench, "MAX_BYTES", 1000)
    with pytest.raises(DataError, match="too large"):
        keep(workspace, easy_csv(100))
    assert list((workspace.root / "uploads").iterdir()) == []


def test_uploads_of_yesterday_are_removed(workspace):
    old = keep(workspace, easy_csv(20))
    workbench.ensure(workspace, workbench.read_step(old, Options()))
    folder = workspace.upload(old).folder
    os.utime(folder, (time.time() - 2 * 24 * 3600,) * 2)
    keep(workspace, easy_csv(30))
    assert not folder.exists()
    with pytest.raises(NotFoundError, match="no longer kept"):
        workbench.ensure(workspace, workbench.read_step(old, Options()))


def test_an_upload_does_not_mind_that_another_one_comes_to_its_end(workspace):
    keep(workspace, easy_csv(20))
    (workspace.uploads / "1-1.part").symlink_to("renamed")  # as if it were gone since the folder was listed
    assert workbench.upload_info(workspace, keep(workspace, easy_csv(30)))["name"] == "easy.csv"


def test_a_name_never_becomes_a_path(workspace):
    key = keep(workspace, easy_csv(20), "../../evil.csv")
    assert workbench.upload_info(workspace, key)["name"] == "../../evil.csv"
    assert not list(workspace.root.parent.glob("*evil*"))
    with pytest.raises(NotFoundError):
        workbench.upload_info(workspace, "../" + key)


def test_rows_are_found_by_what_they_contain(workspace):
    reading = workbench.read_step(keep(workspace, easy_csv(200)), Options())
    drafting = workbench.draft_step(reading, RECIPE)
    workbench.ensure(workspace, reading)
    workbench.ensure(workspace, drafting)
    found = workbench.find_rows(workspace, drafting, contains="KETTLE", label="good", count=5)
    assert 0 < len(found) <= 5
    assert all("kettle" in text for text in found["text"])
    assert set(found["label"]) == {"good"}


def test_rows_of_the_test_file_are_not_offered_for_correction(workspace):
    first, second = (
        workbench.read_step(keep(workspace, easy_csv(rows, seed=seed)), Options()) for rows, seed in ((60, 0), (20, 3))
    )
    recipe = RECIPE.model_copy(update={"split_by": "file"})
    drafting = workbench.draft_step(first, recipe, second)
    for step in (first, second, drafting):
        workbench.ensure(workspace, step)
    assert workbench.facts_of(workspace, drafting)["rows"] == 80
    assert len(workbench.find_rows(workspace, drafting)) == 60


def test_what_nobody_foresaw_is_said_once_and_is_in_the_log(workspace, monkeypatch, capsys):
    def broken(*_, **__):
        raise IndexError("out of bounds")

    monkeypatch.setattr(workbench, "read_file", broken)
    step = workbench.read_step(keep(workspace, easy_csv(20)), Options())
    for _ in range(2):
        with pytest.raises(DataError, match="unexpected error"):
            workbench.ensure(workspace, step)
    assert capsys.readouterr().err.count("IndexError: out of bounds") == 1


def test_every_row_that_could_not_be_read_is_kept_and_few_are_read_again_and_again(workspace):
    broken = [f"{number},a,b,c" for number in range(LISTED_REJECTED + 100)]
    rows = [f"{number},a text" for number in range(15_000)]
    step = workbench.read_step(keep(workspace, "\n".join(["id,text", *rows, *broken])), Options())
    assert workbench.ensure(workspace, step).done
    facts, found = workbench.facts_of(workspace, step), workbench.rejected(workspace, step)
    assert (facts["rejected_count"], len(facts["rejected"])) == (len(broken), LISTED_REJECTED)
    assert found["content"].to_pylist() == broken
    assert found.slice(0, LISTED_REJECTED).to_pylist() == facts["rejected"]
