"""Runs the demos at full size and keeps their pictures for the gallery in demos/README.md.

    python docs/pictures/demos.py [NUMBER ...]

All of them take a few minutes, most of which the sums need. With numbers, such as 05 08, only those are run.
"""

import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
DEMOS, KEPT = HERE.parents[1] / "demos", HERE / "demos"
LARGEST = 200_000
"""Bytes: larger ones, as the page and the drawing that `04` writes as a bitmap, are not kept."""


def main(numbers):
    """Run the demos of these numbers, or all of them, and keep what they draw."""
    for path in sorted(DEMOS.glob("[0-9][0-9]_*.py")):
        if numbers and path.name[:2] not in numbers:
            continue
        print(f"\n==== {path.name}\n")
        with tempfile.TemporaryDirectory() as folder:
            written = load(path).main(out=Path(folder)).written
            for picture in written if isinstance(written, list) else [written]:
                if picture.suffix in (".svg", ".png") and picture.stat().st_size < LARGEST:
                    shutil.copy(picture, KEPT / f"{path.name[:2]}_{picture.name}")


def load(path):
    """A demo as a module: its name begins with a digit, so it cannot be imported by it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    KEPT.mkdir(exist_ok=True)
    main(sys.argv[1:])
