"""Labels are data: what XML and HTML cannot hold is taken out, and markup is escaped."""

import re
from html import escape

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """A text without characters that XML, and UTF-8, cannot hold, and no more than 2,000 of them."""
    return _FORBIDDEN.sub("\ufffd", text[:2000])


def xml(text: str) -> str:
    """Text for XML or HTML: clean, and markup escaped."""
    return escape(clean(text))
