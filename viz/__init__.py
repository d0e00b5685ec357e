"""Pictures of recorded graphs; `viz.verbs` says what there is.

As a package of its own this is `microgradrnn.viz`, whose name is right wherever something else is called ``viz``.
"""

if __name__ == "viz":
    from microgradrnn.aliases import also_called

    also_called("viz", "microgradrnn.viz")
else:
    from .verbs import *
    from .verbs import __all__ as __all__
