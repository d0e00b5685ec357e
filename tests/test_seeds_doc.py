"""docs/seeds.md against the tests: every point has its row, and every row that is not prose a test with its number."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
POINTS = [range(1, 6), range(6, 10), range(10, 17), range(17, 24), range(24, 35)]
SEED_OF = {point: seed for seed, points in enumerate(POINTS) for point in points}


def rows():
    text = (ROOT / "docs" / "seeds.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| (?:\*\*00(\d)\*\* )?(\d+) \| (.+?) \| .+ \|$", text, re.MULTILINE)
    return [(seed, int(point), said) for seed, point, said in found]


def test_every_point_has_a_row_under_its_text():
    assert [point for _, point, _ in rows()] == list(range(1, 35))
    for seed, point, _ in rows():
        if seed:
            assert int(seed) == SEED_OF[point]
            assert point - 1 not in SEED_OF or SEED_OF[point - 1] != int(seed)


def test_every_point_that_is_not_prose_has_a_test_with_its_number():
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for _, point, said in rows():
        if not said.startswith("*Prose.*"):
            assert f"def test_seed_00{SEED_OF[point]}_point_{point}_" in tests, point


def test_no_test_bears_the_number_of_another_texts_point():
    for path in (ROOT / "tests").rglob("test_*.py"):
        for seed, point in re.findall(r"def test_seed_00(\d)_point_(\d+)_", path.read_text(encoding="utf-8")):
            assert SEED_OF[int(point)] == int(seed), path
