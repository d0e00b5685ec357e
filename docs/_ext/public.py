"""What is public: the names of the modules that the reference has a page for, the methods of their classes, and the
entry that a name in a page or a docstring means.

    python docs/_ext/public.py

counts those without a docstring and those without an example, and names them. A member of a class has an example also
where the example of its class uses it: `shown_by`.
"""

import ast
import builtins
import doctest
import importlib
import inspect
import pydoc
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ORDINARY = {"step", "page", "text", "word", "loss", "nn", "optim", "functional", "viz", "Step", "Loss", "steps"}
"""Names that pages also use for other things."""
PAGES = {
    "core": ["microgradrnn", "microgradrnn.stepping", "microgradrnn.graph"],
    "functional": ["microgradrnn.functional"],
    "nn": ["microgradrnn.nn", "microgradrnn.nn.unrolled"],
    "optim": ["microgradrnn.optim", "microgradrnn.optim.lr_scheduler"],
    "analysis": ["microgradrnn.analysis", "microgradrnn.diagnosis"],
    "witnesses": [
        "microgradrnn.messages",
        "microgradrnn.by_hand.softmax_cross_entropy",
        "microgradrnn.by_hand.vanilla",
        "microgradrnn.by_hand.sandwich",
        "microgradrnn.by_hand.lstm",
        "microgradrnn.by_hand.gru",
        "microgradrnn.by_hand.encoder_decoder",
        "microgradrnn.by_hand.min_char_rnn",
    ],
    "program": ["microgradrnn.program"],
    "training": ["microgradrnn.training", "microgradrnn.text", "microgradrnn.sampling", "microgradrnn.tasks"],
    "interop": ["microgradrnn.interop"],
    "viz": ["microgradrnn.viz"],
}
"""The pages of the reference, and the modules on each."""


def of_module(module: Any) -> list[str]:
    """The public names of a module: those of ``__all__``, or else what it defines without an underscore."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    own = ((name, value) for name, value in vars(module).items() if not name.startswith("_"))
    return [name for name, value in own if getattr(value, "__module__", None) == module.__name__]


def names() -> Iterator[tuple[str, Any]]:
    """Each public name, in full, with what it names: functions, classes, and methods that classes of ours define.

    A method that several classes inherit is named once, under the first of them. Bases come before what derives from
    them.
    """
    seen = set()
    for module_name in (name for page in PAGES.values() for name in page):
        module = importlib.import_module(module_name)
        for name in sorted(of_module(module), key=lambda name: _depth(getattr(module, name))):
            thing = getattr(module, name)
            if inspect.ismodule(thing) or id(thing) in seen:
                continue
            seen.add(id(thing))
            yield f"{module_name}.{name}", thing
            if inspect.isclass(thing):
                yield from _members(f"{module_name}.{name}", thing, seen)


def _depth(thing: Any) -> int:
    return len(inspect.getmro(thing)) if inspect.isclass(thing) else 0


def _members(name: str, cls: type, seen: set[int]) -> Iterator[tuple[str, Any]]:
    for base in inspect.getmro(cls):
        if not base.__module__.startswith(("microgradrnn", "viz")):
            continue
        for member, value in vars(base).items():
            function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            function = getattr(function, "func", function)  # cached_property
            if member.startswith("_") or not inspect.isfunction(function) or id(function) in seen:
                continue
            seen.add(id(function))
            yield f"{name}.{member}", function


@cache
def homes() -> dict[int, str]:
    """For each public thing the first module that has it in the reference."""
    found: dict[int, str] = {}
    for module_name in (name for page in PAGES.values() for name in page):
        module = importlib.import_module(module_name)
        for name in of_module(module):
            found.setdefault(id(getattr(module, name)), module_name)
    return found


def home(thing: object) -> str | None:
    """The module under which a thing has its entry."""
    return homes().get(id(thing))


@cache
def entries() -> dict[str, str]:
    """The names that pages may use, and the entry of each: compare, nn.LSTM, analysis.spectrum."""
    found: dict[str, str] = {}
    for module_name in (name for page in PAGES.values() for name in page):
        module = importlib.import_module(module_name)
        short = module_name.removeprefix("microgradrnn").lstrip(".")
        for name in of_module(module):
            thing = getattr(module, name)
            if inspect.ismodule(thing) or not callable(thing) or name in ORDINARY:
                continue
            full = f"{home(thing)}.{name}"
            found.setdefault(name, full)
            found.setdefault(f"{short}.{name}", full)
            found.setdefault(f"{module_name}.{name}", full)
    return found


def target(name: str) -> str | None:
    """The entry that a name in a docstring means, if it is one: ``nn.LSTM``, ``Module.train``, in whatever module."""
    parts = name.split(".")
    for k in range(len(parts), 0, -1):
        head, rest = ".".join(parts[:k]), parts[k:]
        found = entries().get(head)
        if found is None and k > 1 and parts[0] in sys.modules:
            thing = pydoc.locate(head)
            found = f"{home(thing)}.{parts[k - 1]}" if home(thing) else None
        if found is not None:
            return ".".join([found, *rest])
    return None


def without_docstring() -> list[str]:
    """The names that say nothing of themselves; constants cannot."""
    return [name for name, thing in names() if callable(thing) and not (inspect.getdoc(thing) or "").strip()]


def without_example() -> list[str]:
    """The names whose docstring has no example, and which the example of their class does not use."""
    found = dict(names())
    bare = [name for name, thing in found.items() if callable(thing) and not _examples(thing)]
    owners = {name: found.get(name.rpartition(".")[0]) for name in bare}
    return [
        name
        for name, owner in owners.items()
        if not (inspect.isclass(owner) and name.rpartition(".")[2] in shown_by(owner))
    ]


def undefined(name: str, thing: Any) -> set[str]:
    """What an example uses and does not define, beyond what its page says that examples start from."""
    modules = [module for page in PAGES.values() for module in page if name.startswith(f"{module}.")]
    module = importlib.import_module(max(modules, key=len))
    start = {"np", *getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])}
    used, made = set[str](), set[str]()
    for node in ast.walk(ast.parse(_examples(thing))):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else made).add(node.id)
        elif isinstance(node, ast.alias):
            made.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.ExceptHandler)):
            made.add(node.name or "")
        elif isinstance(node, ast.arg):
            made.add(node.arg)
    return used - made - start - set(dir(builtins))


def shown_by(cls: type) -> set[str]:
    """What the example of a class uses of it: each name after a dot, and ``forward`` where an instance is called."""
    nodes = list(ast.walk(ast.parse(_examples(cls))))
    made = [node for node in nodes if isinstance(node, ast.Assign) and _makes(node.value, cls)]
    instances = {target.id for node in made for target in node.targets if isinstance(target, ast.Name)}
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    forward = any(_makes(f, cls) or (isinstance(f, ast.Name) and f.id in instances) for f in called)
    return {node.attr for node in nodes if isinstance(node, ast.Attribute)} | ({"forward"} if forward else set())


def _makes(node: ast.AST, cls: type) -> bool:
    """Whether an expression is ``Class(...)`` or ``module.Class(...)``."""
    return isinstance(node, ast.Call) and cls.__name__ in (getattr(node.func, "id", ""), getattr(node.func, "attr", ""))


def _examples(thing: Any) -> str:
    """The lines of code in a docstring's examples."""
    return "".join(example.source for example in doctest.DocTestParser().get_examples(inspect.getdoc(thing) or ""))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    count, silent, bare = sum(callable(thing) for _, thing in names()), without_docstring(), without_example()
    print(f"{count} public names. Without a docstring: {len(silent)}. Without an example: {len(bare)}.")
    print(*(f"  no docstring: {name}" for name in silent), sep="\n")
    if "--examples" in sys.argv:
        print(*(f"  no example: {name}" for name in bare), sep="\n")
