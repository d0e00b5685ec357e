"""Writes the notebooks beside it from the demos' scripts, so that the two cannot come to differ.

    python demos/notebooks/make.py

A script's docstring becomes the text at the top. Its constants and `main`'s parameters become one cell of numbers to
change, and `main`'s paragraphs a cell each, up to the first statement that has to do with `out`: there a notebook shows
the picture instead. A function stands right before the first cell that needs it. `tests/test_notebooks.py` compares
what comes out with what is kept here, and runs it.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent, indent

import jupytext

HERE = Path(__file__).parent
IMAGE = 'from IPython.display import Image\n\nImage(chart({}, Path("out/{}.png")))'
PAGE = "from microgradrnn.viz import page\n\npage({})"
PICTURES = {
    "01_chain_rule": ["draw(f)", PAGE.format("f")],
    "02_softmax_cross_entropy": ['draw(graphs["fused"][0])', 'draw(graphs["apart"][0])'],
    "03_bptt_all_numbers": ["draw(L, max_nodes=300)", "page(L)"],
    "04_character_rnn": ["draw(loss)", "page(loss)"],
    "10_vanishing_exploding": [IMAGE.format("outcomes", "vanishing_exploding")],
    "11_recall": [IMAGE.format("outcomes", "recall")],
    "12_find_the_bug": [IMAGE.format("errors", "find_the_bug")],
    "13_six_ways": [IMAGE.format("gradients, apart", "six_ways")],
}
"""The demos that have a notebook, and the cells that it ends with."""

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
TEXT, CODE, NUMBERS = "# %% [markdown]", "# %%", '# %% tags=["parameters"]'


def notebook(name):
    """A demo's notebook, as the text of an .ipynb file. It holds no outputs."""
    source = (HERE.parent / f"{name}.py").read_text(encoding="utf-8")
    script = "\n\n".join(f"{kind}\n{text}" for kind, text in cells(name, source))
    book = jupytext.reads(script, "py:percent")
    book.metadata = {"kernelspec": KERNEL}
    for number, cell in enumerate(book.cells):
        cell.id = f"cell-{number}"  # it would be a random one
    text = jupytext.writes(book, "ipynb")
    for command in ("check --fix-only --select=F401", "format"):  # what only the rest of the script imports goes
        ruff = [sys.executable, "-m", "ruff", *command.split(), "--quiet", f"--stdin-filename={HERE / name}.ipynb", "-"]
        text = subprocess.run(ruff, input=text, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout
    return text


def cells(name, source):
    """The kind and the text of each cell, from top to bottom."""
    lines, module = source.splitlines(), ast.parse(source)
    parts = list(pieces(lines, module.body))
    imports = [code for node, code in parts if isinstance(node, ast.Import | ast.ImportFrom)]
    constants = [code for node, code in parts if isinstance(node, ast.Assign)]
    functions = {node.name: code for node, code in parts if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    (main,) = (node for node, _ in parts if isinstance(node, ast.FunctionDef) and node.name == "main")

    yield TEXT, comment(introduction(name, ast.get_docstring(module)))
    yield CODE, "\n".join(imports)
    yield TEXT, comment("What to change. Then run this cell, and the ones below it, again.")
    yield NUMBERS, "\n".join([*constants, "", *parameters(main, module)])
    for code in [*paragraphs(lines, main), *PICTURES[name]]:
        needed = needs(code, functions)
        for function in [name for name in functions if name in needed]:
            yield CODE, functions.pop(function)
        yield CODE, code


def introduction(name, docstring):
    """The docstring as Markdown: a heading up to its first colon, and no word of how to call the script."""
    first, _, *rest = docstring.split("\n\n")
    heading, subtitle = first.split(": ", 1)
    rest = re.sub(r"`main`\s+returns\s+what\s+it\s+claims:", "The claim:", "\n\n".join(rest))
    origin = f"*Written by `demos/notebooks/make.py` from [demos/{name}.py](../{name}.py), which runs alone too.*"
    return f"# {heading}\n\n**{subtitle}**\n\n{rest}\n\n{origin}"


def comment(text):
    return indent(text, "# ", lambda line: True)


def parameters(main, module):
    """The parameters of `main` with their defaults, and what the script's ``--help`` says of each."""
    helps = {}
    for call in ast.walk(module):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument":
            options = {keyword.arg: keyword.value for keyword in call.keywords}
            name = options.get("dest", call.args[0]).value.lstrip("-").replace("-", "_")
            helps[name] = f"  # {options['help'].value}" if "help" in options else ""
    for parameter, default in zip(main.args.args, main.args.defaults, strict=True):
        if parameter.arg != "out":
            yield f"{parameter.arg} = {ast.unparse(default)}{helps.get(parameter.arg, '')}"


def paragraphs(lines, main):
    """What `main` does before it writes to `out`, cut at its blank lines."""
    found = [[]]
    for statement, code in pieces(lines, main.body):
        if "out" in names(statement):
            break
        if code.startswith("\n"):
            found.append([])
        found[-1].append(code)
    return [dedent("\n".join(paragraph)).strip() for paragraph in found if paragraph]


def pieces(lines, body):
    """The statements with their source, to which belongs what stands above: blank lines, comments, decorators."""
    start = body[0].lineno - 1
    for statement in body:
        yield statement, "\n".join(lines[start : statement.end_lineno])
        start = statement.end_lineno


def needs(code, functions):
    """Which of the functions are called by this code, or by one that is."""
    found, waiting = set(), [code]
    while waiting:
        called = (names(ast.parse(waiting.pop())) & functions.keys()) - found
        found |= called
        waiting += [functions[name] for name in called]
    return found


def names(tree):
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


if __name__ == "__main__":
    for name in PICTURES:
        (HERE / f"{name}.ipynb").write_text(notebook(name), encoding="utf-8", newline="\n")
