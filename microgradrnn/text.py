"""Text as numbers, and numbers as text.

- `read_text`: a file, with an error that says what is wrong with it.
- `Vocabulary`: which characters there are, each with its token.
- `split`: a part to learn from and a part to judge by. `streams`: a text side by side, for a batch.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.checks import check_fraction, check_size
from microgradrnn.counting import counted

Tokens = NDArray[Any]


def read_text(path: str | Path) -> str:
    r"""The text of a UTF-8 file, each line's end as ``\n``.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is not UTF-8, or holds what no text does: NUL, or control characters all over. The error names
            the first such byte or character, where it stands, and the encoding that the file seems to have.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "two_lines.txt"
    ...     _ = path.write_bytes("naïve\r\nidea".encode("utf-8-sig"))
    ...     read_text(path)
    'naïve\nidea'
    """
    content = Path(path).read_bytes()
    return decoded(content.removeprefix(codecs.BOM_UTF8), str(path)).replace("\r\n", "\n").replace("\r", "\n")


def decoded(content: bytes, name: str, start: int = 0) -> str:
    """The text of a part of a file; ``start`` is the place of its first byte. Raises ValueError as `read_text` does.

    >>> decoded("naïve".encode(), "a.txt")
    'naïve'
    >>> decoded("naïve".encode("latin-1"), "a.txt")
    Traceback (most recent call last):
    ValueError: a.txt is not UTF-8 text: byte 0xef at 2
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        place = f"byte 0x{content[error.start]:02x} at {start + error.start}"
        raise ValueError(f"{name} is not UTF-8 text: {place}{_remedy(content)}") from error
    controls = _CONTROLS.findall(text)
    if "\0" in controls or len(controls) > len(text) / 10:
        character = "\0" if "\0" in controls else controls[0]
        place = f"character {character!r} at {start + text.index(character)}"
        raise ValueError(f"{name} is not UTF-8 text: {place}{_remedy(content)}")
    return text


_CONTROLS = re.compile(r"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")
"""Characters that a text may hold here and there, and not everywhere. Tabs, ends of lines and pages, and what terminals
understand (backspace, escape) are none of them."""


def _remedy(content: bytes) -> str:
    """What a file that is no UTF-8 seems to be, and how to convert it; nothing where that cannot be told."""
    encoding = _other_encoding(content)
    if encoding is None:
        return ""
    convert = f"Path(new).write_text(Path(old).read_text({encoding!r}), 'utf-8')"
    return f"; it seems to be {encoding.upper()}, which Python converts by {convert}"


def _other_encoding(content: bytes) -> str | None:
    """UTF-32 or UTF-16, by the mark at the front, or by where the zeros stand that ASCII characters have in them."""
    marks = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}  # the first begins as UTF-16's does
    marks |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    even, odd = content[0::2].count(0), content[1::2].count(0)
    by_zeros = [(4, "utf-32-le"), (4, "utf-32-be"), (2, "utf-16-le" if odd > even else "utf-16-be")]
    likely = [(2, encoding) for mark, encoding in marks.items() if content.startswith(mark)]
    at_one_place = 10 * min(even, odd) < max(even, odd)
    for size, encoding in likely or (by_zeros if at_one_place else by_zeros[:2]):
        try:
            text = content[: len(content) // size * size].decode(encoding)
        except UnicodeDecodeError:
            continue
        if text and not _CONTROLS.search(text):
            return encoding
    return None


@dataclass(frozen=True)
class Vocabulary:
    """The characters that a model knows; a character's token is its place among them.

    Attributes:
        characters: each once, in order.

    >>> vocabulary = Vocabulary.of("hello")
    >>> vocabulary.characters, vocabulary.encode("hole").tolist(), vocabulary.decode([1, 0])
    ('ehlo', [1, 3, 2, 0], 'he')
    """

    characters: str

    def __post_init__(self) -> None:
        if not isinstance(self.characters, str) or not self.characters:
            raise ValueError("Vocabulary: characters are a text of at least one")
        if list(self.characters) != sorted(set(self.characters)):
            raise ValueError("Vocabulary: characters come each once, and sorted")

    @classmethod
    def of(cls, text: str) -> Vocabulary:
        """The characters of a text, sorted."""
        return cls("".join(sorted(set(text))))

    def __len__(self) -> int:
        return len(self.characters)

    def __contains__(self, character: object) -> bool:
        return character in set(self.characters)

    def encode(self, text: str) -> Tokens:
        r"""The tokens of a text, (T,).

        Raises:
            ValueError: a character is not known; names it, and its line and column.

        >>> Vocabulary.of("ab").encode("ab\nac")
        Traceback (most recent call last):
        ValueError: Vocabulary: '\n' at line 1, column 3 is none of the 2 characters that the model knows
        """
        known, codes = _code_points(self.characters), _code_points(text)
        tokens = np.searchsorted(known, codes)
        unknown = known[np.minimum(tokens, len(known) - 1)] != codes
        if unknown.any():
            at = int(unknown.argmax())
            line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
            raise ValueError(
                f"Vocabulary: {text[at]!r} at line {line}, column {column} is none of the "
                f"{counted(len(self), 'character')} that the model knows"
            )
        return tokens.astype(np.intp, copy=False)

    def decode(self, tokens: Any) -> str:
        """The text of tokens, (T,)."""
        return "".join(self.characters[token] for token in tokens)


def _code_points(text: str) -> Tokens:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def split(tokens: Tokens, fraction: float) -> tuple[Tokens, Tokens]:
    """The front of a text to learn from, and its end to judge by, which is empty where it would be under 2 tokens.

    Args:
        tokens: (T,).
        fraction: how much of it is held out, in [0, 1).

    >>> [part.tolist() for part in split(np.arange(10), 0.2)]
    [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9]]
    """
    check_fraction("split", fraction=fraction)
    held_out = int(len(tokens) * fraction)
    if held_out < 2 or len(tokens) - held_out < 2:
        held_out = 0  # a character and the one that follows it: less cannot be predicted
    return tokens[: len(tokens) - held_out].copy(), tokens[len(tokens) - held_out :].copy()


def streams(tokens: Tokens, count: int, length: int) -> tuple[Tokens, Tokens]:
    """A text cut into streams that are read side by side, and for each token the one that follows.

    Every token but the first is a target once, save fewer than ``count`` at the end.

    Args:
        tokens: (T,), at least two.
        count: of the streams; there are fewer where they would be shorter than ``length``, and always one.
        length: the number of steps in a chunk.

    Returns:
        tokens to read and their targets, both time-major, (steps, streams).

    Raises:
        ValueError: there are under two tokens, or a size is not a positive integer.

    >>> inputs, targets = streams(np.arange(7), count=2, length=3)
    >>> inputs.tolist(), targets.tolist()
    ([[0, 3], [1, 4], [2, 5]], [[1, 4], [2, 5], [3, 6]])
    """
    check_size("streams", count=count, length=length)
    if len(tokens) < 2:
        raise ValueError(
            f"streams: a text has at least 2 characters, one to read and one to predict, not {len(tokens)}"
        )
    count = max(1, min(count, (len(tokens) - 1) // length))
    end = (len(tokens) - 1) // count * count
    return tokens[:end].reshape(count, -1).T.copy(), tokens[1 : end + 1].reshape(count, -1).T.copy()
