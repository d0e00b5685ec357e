"""The pictures: the package `viz` under a name that nobody else has.

The folder ``viz`` stands beside ``microgradrnn``. Where another module is called ``viz``, such as a ``viz.py`` of the
user, ``import viz`` gives that one, and ``microgradrnn.viz`` is still this package. Elsewhere both names give the same
modules.

This is the one file of `microgradrnn` that imports the pictures, and it is imported only by those who draw.
"""

from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from viz.verbs import *
    from viz.verbs import __all__ as __all__
else:  # this module becomes a package, whose modules are in that folder
    __spec__ = PathFinder.find_spec(__name__, [str(Path(__file__).parents[1])])
    if __spec__ is None:
        raise ImportError(f"the folder viz is missing beside {Path(__file__).parent}: install microgradrnn again")
    __path__, __file__, __loader__ = __spec__.submodule_search_locations, __spec__.origin, __spec__.loader
    __package__ = __name__
    from microgradrnn.viz.verbs import *
    from microgradrnn.viz.verbs import __all__, __doc__
