"""Charts are drawn by matplotlib, which is an extra: ``pip install microgradrnn[charts]``."""


def check_that_charts_can_be_drawn() -> None:
    """Say what to install, where matplotlib is missing.

    Raises:
        RuntimeError: it is.

    >>> check_that_charts_can_be_drawn()
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise RuntimeError(
            'a chart needs matplotlib: pip install "microgradrnn[charts]"; pictures and pages do not'
        ) from error
