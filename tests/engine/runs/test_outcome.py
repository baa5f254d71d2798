"""A model and its scores belong together, whenever whoever brings them is killed."""

from pathlib import Path

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
    assert {path.name for path in paths.folder.iterdir()} == {"model", "predictions.parquet", "metrics.json"}
