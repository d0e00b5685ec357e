"""The book tells the truth: its code runs, prints what the page says, and the prose has no numbers of its own."""

import re

import pytest

from tests.docs.extensions import chapters

PAGES = chapters.pages()
CHAPTERS = [page for page in PAGES if page.parent.name == "book"]


def names(page):
    return page.stem


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_its_code_prints_what_the_page_says(page, tmp_path):
    text = page.read_text(encoding="utf-8")
    for package in chapters.missing(page):
        pytest.importorskip(package)
    known = set()
    for block in chapters.run(page, tmp_path):
        where = f"{page.name}, line {block.line}"
        assert (block.said or "").rstrip() == block.printed.rstrip(), where
        known |= {float(number) for number in chapters.numbers(block.source + block.printed)}
    for number in chapters.numbers(chapters.prose(text)) if page in CHAPTERS else ():
        digits = len(number.partition(".")[2])
        assert any(round(abs(one) * by, digits) == float(number) for one in known for by in (1, 100)), number
    shown = set(re.findall(r"!\[[^\]]*\]\(([\w.-]+)\)|\{live\} ([\w.-]+)", text))
    for name in filter(None, (a or b for a, b in shown)):
        assert (tmp_path / name).exists(), name


@pytest.mark.parametrize("page", CHAPTERS, ids=names)
def test_each_chapter_has_its_parts(page):
    text = page.read_text(encoding="utf-8")
    for part in ("![", "{live}", "## Exercises", "**1.**", "**2.**", "**3.**", "original text", "## Further reading"):
        assert part in text, part
    answers = re.findall(r"^:::\{admonition\} Answer\n(.*?)^:::$", text, re.DOTALL | re.MULTILINE)
    assert len(answers) == 3
    assert all("```python" in answer for answer in answers)


def test_a_wrong_number_in_the_prose_is_found():
    assert chapters.numbers(
        chapters.prose("It is 0.25 (`0.5`), see [this](https://a.b/1.5).\n```text\n7.5\n```\n")
    ) == ["0.25"]
