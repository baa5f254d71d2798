import json
import os
import shlex
import subprocess

import pytest

from engine import cli
from engine.cli.arguments import parser
from engine.serving import ways
from tests.engine.serving.empty import ask

PARCEL = "Where is my parcel?"


@pytest.mark.parametrize("counts_words", [False, True])
@pytest.mark.parametrize("form", ways.LINES)
def test_each_form_has_three_lines_and_their_commands_exist(form, counts_words):
    lines = ways.use(form, "it's mine.yaml", counts_words)
    assert len(lines) == 3 and all(line and "{" not in line.replace('{"text"', "") for line in lines)
    if form in ways.SENTENCES:
        return
    for line in lines:
        words = shlex.split(line, comments=True)
        if words[:2] == ["python3", "start.py"]:
            asked = parser().parse_args(words[2:])
            assert form == "serve" or asked.config == "it's mine.yaml"
        if words[0] == "curl":
            assert json.loads(words[words.index("--json") + 1]) == {"text": PARCEL}


def test_the_lines_that_follow_an_export_are_right_as_they_stand(workspace, word_counting, tmp_path, bare, capsys):
    to = tmp_path / "my words.zip"
    assert cli.main(["export", word_counting.id, "--to", str(to), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["to"], told["format"]) == (str(to), "zip")
    there = tmp_path / "elsewhere"
    there.mkdir()
    enter, one, many = told["how"]
    typed = f"{enter} && {one} && echo 'the lamp is dull' > texts.txt && {many}"
    path = f"{bare.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["sh", "-c", typed], cwd=there, env={"PATH": path}, capture_output=True, text=True, check=True)
    folder = there / "my words"
    (answer,) = ask(bare, folder / "predict.py", PARCEL)
    assert done.stdout.splitlines()[1] == f"{answer['label']},{answer['confidence']},{PARCEL}"
    assert (folder / "answers.csv").read_text().endswith("the lamp is dull\n")
    assert cli.main(["export", word_counting.id, "--to", str(there / "plain"), "--format", "folder"]) == 0
    said = capsys.readouterr().out
    assert f"    cd {there / 'plain'}\n    {one}\n    {many}\n" in said
