"""The docs' extensions, which stand beside the pages and not in a package."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def load(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / "docs" / "_ext" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"docs_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


chapters = load("chapters")
links = load("links")
public = load("public")
docstrings = load("docstrings")
themes = load("themes")
