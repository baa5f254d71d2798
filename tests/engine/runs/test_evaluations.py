from engine.data.reading import read_bytes
from engine.runs import evaluations
from tests import words
from tests.engine.runs.helpers import submit, wait


def test_a_further_file_tells_by_its_own_columns_where_the_model_is_weak(workspace, easy):
    run = wait(workspace, submit(workspace, easy, "tfidf").id)
    lines = ["text,label,channel"]
    for place, line in enumerate(words.easy_csv(120, seed=5).splitlines()[1:]):
        text, label = line.rsplit(",", 1)
        turned = "bad" if label == "good" else "good"
        lines.append(f"{text},{turned},phone" if place % 3 == 0 else f"{text},{label},mail")
    about, _ = evaluations.judge_further(workspace, run, read_bytes("\n".join(lines).encode(), "later.csv"))
    weakest = evaluations.find_weakness(workspace, run, about.key).groups[0]
    assert (weakest.property, weakest.value, weakest.texts, weakest.weak) == ("channel", "phone", 40, True)
    again, _ = evaluations.judge_again(workspace, run, about.key)
    assert evaluations.find_weakness(workspace, run, again.key).groups[0] == weakest
