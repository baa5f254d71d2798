"""Made-up texts whose class shows, but not in one word."""

import csv
import io
import random

GOOD = ["bright", "quick", "helpful", "calm", "tidy", "friendly", "warm", "sturdy", "clear", "handy"]
BAD = ["dull", "slow", "useless", "noisy", "messy", "rude", "cold", "flimsy", "vague", "clumsy"]
THINGS = ["lamp", "kettle", "chair", "bag", "phone", "desk", "shoe", "book", "door", "clock", "mug", "coat"]


def easy_texts(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """[(text, label)], half 'good', half 'bad', all different."""
    chance = random.Random(seed)
    found: dict[str, str] = {}
    while len(found) < count:
        label = "good" if len(found) % 2 else "bad"
        words = chance.sample(GOOD if label == "good" else BAD, 3)
        text = f"the {chance.choice(THINGS)} is {words[0]}, {words[1]} and {words[2]}, like my {chance.choice(THINGS)}"
        found.setdefault(text, label)
    return list(found.items())


def easy_csv(count: int, seed: int = 0) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["text", "label"])
    writer.writerows(easy_texts(count, seed))
    return out.getvalue()
