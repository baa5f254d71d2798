from engine.runs.events import EventLog, History, read_events


def test_events_are_followed_from_where_one_was(tmp_path):
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log.write("note", text="one\ntwo")
    first, offset = read_events(path)
    assert (first[0]["kind"], first[0]["text"]) == ("note", "one\ntwo")
    assert first[0]["at"].endswith("+00:00")
    log.write("note", text="three")
    assert [one["text"] for one in read_events(path, offset)[0]] == ["three"]


def test_a_line_that_is_still_being_written_waits(tmp_path):
    path = tmp_path / "events.jsonl"
    EventLog(path).write("note", text="whole")
    with path.open("a") as file:
        file.write('{"kind": "note", "te')
    history = History.read(path)
    assert history.notes == ["whole"]
    with path.open("a") as file:
        file.write('xt": "later"}\n')
    assert history.update(path).notes == ["whole", "later"]


def test_a_copy_of_the_events_so_far_does_not_grow_with_the_record(tmp_path):
    path, followed = tmp_path / "events.jsonl", History()
    with EventLog(path) as log:
        log.write("step", step=1)
        log.write("note", text="one")
        before = followed.update(path).copied()
        log.write("step", step=2)
        log.write("note", text="two")
    after = followed.update(path)
    assert ([one["step"] for one in before.steps], before.notes) == ([1], ["one"])
    assert ([one["step"] for one in after.steps], after.notes) == ([1, 2], ["one", "two"])


def test_no_file_yet(tmp_path):
    assert History.read(tmp_path / "nothing.jsonl").steps == []


def test_speed(tmp_path):
    history = History(steps=[{"at": f"2026-01-01T00:00:0{i}.000+00:00", "texts": 32} for i in range(5)])
    assert history.texts_per_second(3) == 32
    assert History().texts_per_second(3) is None
