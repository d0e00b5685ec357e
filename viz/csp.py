"""How a page's Content-Security-Policy names the style sheets and scripts that may stand in it."""

from base64 import b64encode
from hashlib import sha256


def source_hash(source: str) -> str:
    """The name of a style sheet or a script.

    >>> source_hash("")
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    return f"sha256-{b64encode(sha256(source.encode()).digest()).decode()}"
