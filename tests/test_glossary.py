"""The glossary has the words that programs and pictures use of their own accord: the verb of every op's rule."""

import re
from pathlib import Path

from microgradrnn import ops

GLOSSARY = (Path(__file__).parents[1] / "docs" / "glossary.md").read_text(encoding="utf-8")


def test_the_verb_of_every_rule_is_explained():
    rules = [op.rule for op in vars(ops).values() if isinstance(op, ops.Op)]
    verbs = {rule.split(":")[0] for rule in rules if re.match("[a-z]+:", rule)}
    assert {"swaps", "squashes", "competes"} <= verbs
    entries = {term for line in re.findall(r"^([^\s`:].*)$", GLOSSARY, re.MULTILINE) for term in line.split(", ")}
    assert verbs <= entries
