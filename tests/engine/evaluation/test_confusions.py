from engine.evaluation.confusions import mistakes, order

LABELS = ["a", "b", "c", "d"]
COUNTS = [[50, 0, 9, 0], [0, 30, 0, 3], [8, 0, 40, 0], [1, 5, 0, 60]]


def test_the_most_frequent_mistakes_come_first():
    found = mistakes(LABELS, COUNTS)
    assert [(one.actual, one.said, one.texts) for one in found] == [
        ("a", "c", 9), ("c", "a", 8), ("d", "b", 5), ("b", "d", 3), ("d", "a", 1),
    ]  # fmt: skip
    assert found[0].share == 9 / 59
    assert mistakes(["a", "b"], [[3, 0], [0, 2]]) == []


def test_classes_in_order():
    assert order(LABELS, COUNTS, "name") == [0, 1, 2, 3]
    assert order(["d", "a", "C", "b"], COUNTS, "name") == [1, 3, 2, 0]
    assert order(LABELS, COUNTS, "size") == [3, 0, 2, 1]
    alike = order(LABELS, COUNTS, "similarity")
    assert sorted(alike) == [0, 1, 2, 3]
    assert abs(alike.index(0) - alike.index(2)) == 1 and abs(alike.index(1) - alike.index(3)) == 1


def test_two_classes_and_a_class_without_a_text():
    assert order(["a", "b"], [[3, 1], [0, 2]], "similarity") == [0, 1]
    assert sorted(order(LABELS[:3], [[0, 0, 0], [1, 2, 0], [0, 0, 4]], "similarity")) == [0, 1, 2]
