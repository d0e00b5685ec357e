"""The house rules that the source itself must keep: which file may import which, and that each says what it is for."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import microgradrnn

PACKAGE = Path(microgradrnn.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

SPINE = ["ops", "engine", "backprop", "functional", "nn"]
"""Each of these may import those before it, and none after it."""

MAY_IMPORT_MORE = {"training", "interop", "cli", "__main__", "text"}
"""Modules that may take more than NumPy and the standard library."""

MAY_IMPORT_LAZILY = {
    ("engine", "microgradrnn.backprop"),
    ("interop.capturing", "microgradrnn.interop.running"),
}
"""Imports inside a function: `Node.backward` takes backprop, `capture` what imports PyTorch; the command line, which is
not listed, takes `microgradrnn.viz`."""

PICTURES = "viz"
"""The one file that gives the package `viz` its second name, `microgradrnn.viz`."""


def module_name(file):
    """``nn.module`` for nn/module.py, ``nn`` for nn/__init__.py, the empty string for the package itself."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports_in(tree):
    """Every module that is imported anywhere below ``tree``, by its full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute in this package"
            yield node.module
            yield from (
                f"{node.module}.{alias.name}" for alias in node.names if is_module(f"{node.module}.{alias.name}")
            )


@cache
def is_module(name):
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@cache
def parse(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def lazy_imports(tree):
    """Modules that a function imports when it is called."""
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return {name for function in functions for name in imports_in(function)}


def for_the_type_checker(tree):
    """Modules that are only imported while types are checked, and never when the program runs."""
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return {name for block in blocks for name in imports_in(block)}


@cache
def eager_imports(file):
    """Modules that are imported as soon as the file is."""
    tree = parse(file)
    return set(imports_in(tree)) - lazy_imports(tree) - for_the_type_checker(tree)


@cache
def arrows():
    """(importing, imported), within the package; the package's own `__init__`, which imports all, left out."""
    return {
        (module_name(file), name.removeprefix("microgradrnn."))
        for file in FILES
        if module_name(file)
        for name in eager_imports(file)
        if name.startswith("microgradrnn.")
    }


def test_there_is_a_house_to_look_at():
    assert {"ops", "engine", "backprop", "functional", "nn.module"} <= {module_name(file) for file in FILES}
    assert ("backprop", "engine") in arrows()
    assert ("engine", "ops") in arrows()


def test_the_spine_points_down():
    rank = {name: i for i, name in enumerate(SPINE)}
    for above, below in arrows():
        above, below = above.split(".")[0], below.split(".")[0]
        if above in rank and below in rank:
            assert rank[below] <= rank[above], f"{above} imports {below}"


def test_loops_stand_on_the_engine_alone():
    below = {name.split(".")[0] for above, name in arrows() if above.split(".")[0] == "loops"}
    assert below == {"ops", "engine", "graph", "loops"}


def test_no_modules_import_each_other_in_a_circle():
    """Take away whatever imports nothing that is left; a circle never goes."""
    names = {name for arrow in arrows() for name in arrow}
    left = {(above, below) for above, below in arrows() if not f"{below}.".startswith(f"{above}.")}
    while names:
        free = {name for name in names if not any(above == name and below in names for above, below in left)}
        assert free, f"a circle among {sorted(names)}"
        names -= free


def test_the_engine_never_imports_viz():
    """Only a command of the command line may, when it draws."""
    for file in FILES:
        in_cli = module_name(file).split(".")[0] == "cli"
        imported = eager_imports(file) if in_cli else set(imports_in(parse(file)))
        found = {name for name in imported if name.removeprefix("microgradrnn.").split(".")[0] == "viz"}
        assert not found or module_name(file) == PICTURES, file


def test_the_command_line_takes_the_pictures_by_the_name_that_nobody_else_has():
    files = [file for file in FILES if module_name(file).split(".")[0] == "cli"]
    imported = {name for file in files for name in imports_in(parse(file))}
    assert "microgradrnn.viz" in imported
    assert not {name for name in imported if name.split(".")[0] == "viz"}


def test_nothing_but_numpy_and_the_standard_library_is_imported():
    for file in FILES:
        name = module_name(file)
        allowed = {"numpy", "microgradrnn", *sys.stdlib_module_names}
        allowed |= {"viz"} if name == PICTURES else set()
        allowed |= {"jax"} if name.startswith("program.jax_") else set()
        if name.split(".")[0] not in MAY_IMPORT_MORE:
            assert {imported.split(".")[0] for imported in imports_in(parse(file))} <= allowed, file


def test_importing_the_package_imports_no_jax():
    """Its configuration stays the user's own, and importing it takes longer than all of ours."""
    code = "import sys, microgradrnn.program; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_only_the_listed_imports_are_lazy():
    for file in FILES:
        name = module_name(file)
        lazy = {(name, imported) for imported in lazy_imports(parse(file)) if imported.startswith("microgradrnn")}
        assert name.split(".")[0] == "cli" or lazy <= MAY_IMPORT_LAZILY, file


def test_a_file_says_in_its_first_lines_what_it_is_for():
    assert [file for file in FILES if not ast.get_docstring(parse(file))] == []


def test_every_public_class_and_function_has_a_docstring():
    public = [
        (file, node)
        for file in FILES
        for node in parse(file).body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef))
        and not node.name.startswith("_")
        and not any(isinstance(mark, ast.Name) and mark.id == "overload" for mark in node.decorator_list)
    ]
    assert [(file, node.name) for file, node in public if not ast.get_docstring(node)] == []


def test_every_name_that_the_package_offers_is_there():
    assert sorted(set(microgradrnn.__all__)) == microgradrnn.__all__
    for name in microgradrnn.__all__:
        assert hasattr(microgradrnn, name)
