"""A model and its scores belong together, whenever whoever brings them is killed."""

from pathlib import Path
from threading import Thread

import pytest

from engine.runs import outcome


class Killed(BaseException):
    pass


def made_by(paths, who):
    """Write a model, its predictions and its metrics that all say who made them."""
    paths.model.mkdir(parents=True)
    for file in (paths.model / "weights", paths.predictions, paths.metrics):
        file.write_text(who)


def there(paths):
    return {file.read_text() for file in (paths.model / "weights", paths.predictions, paths.metrics)}


@pytest.mark.parametrize("moves", range(6))
def test_killed_after_any_move_all_is_new_or_all_is_old(workspace, monkeypatch, moves):
    paths, done = workspace.run("aaaaaa"), []
    made_by(paths, "old")
    made_by(outcome.prepare(paths), "new")

    def until_killed(move):
        def moved(*given):
            if len(done) == moves:
                raise Killed
            done.append(given)
            return move(*given)

        return moved

    with monkeypatch.context() as patch:
        for name in ("rename", "replace"):
            patch.setattr(Path, name, until_killed(getattr(Path, name)))
        if moves < 5:
            with pytest.raises(Killed):
                outcome.hand_over(paths)
        else:
            outcome.hand_over(paths)
    outcome.settle(paths)
    assert there(paths) == {"new" if moves else "old"}
    assert not paths.made.folder.exists()
    if not moves:  # the next attempt
        made_by(outcome.prepare(paths), "newest")
        outcome.hand_over(paths)
        assert there(paths) == {"newest"}


def test_a_first_model_has_nothing_to_replace(workspace):
    paths = workspace.run("aaaaaa")
    paths.folder.mkdir()
    made_by(outcome.prepare(paths), "new")
    outcome.hand_over(paths)
    assert there(paths) == {"new"}
    assert {path.name for path in paths.folder.iterdir()} == {
        "model", "predictions.parquet", "metrics.json", "lock",
    }  # fmt: skip


def test_of_two_who_finish_what_was_left_at_once_neither_takes_the_model_of_the_other(workspace, monkeypatch):
    paths, is_dir = workspace.run("aaaaaa"), Path.is_dir
    made_by(paths.made, "new")
    other = Thread(target=outcome.settle, args=(paths,))

    def meanwhile(path):
        if path == paths.model and not other.ident:
            other.start()
            other.join(0.2)  # it waits for its turn
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", meanwhile)
    outcome.settle(paths)
    other.join()
    assert there(paths) == {"new"}
