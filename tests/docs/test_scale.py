"""The page on training past one machine: its arithmetic prints what it says, and its options exist."""

import re

from click.testing import CliRunner

from microgradrnn import cli
from tests.docs.extensions import chapters

PAGE = chapters.DOCS / "scale.md"


def test_its_code_prints_what_the_page_says(tmp_path):
    blocks = list(chapters.run(PAGE, tmp_path))
    assert blocks
    for block in blocks:
        assert (block.said or "").rstrip() == block.printed.rstrip(), block.line


def test_every_option_that_it_names_is_one_of_train():
    help_text = CliRunner().invoke(cli.app, ["train", "--help"], env={"COLUMNS": "200"}).output
    commands = re.findall(r"microgradrnn train.*?(?:\n\n|```|\"\])", PAGE.read_text(encoding="utf-8"), re.S)
    named = {option for command in commands for option in re.findall(r"--[a-z-]+", command)}
    assert {"--engine", "--mesh", "--coordinator", "--cluster"} <= named
    assert [option for option in sorted(named) if option not in help_text] == []
