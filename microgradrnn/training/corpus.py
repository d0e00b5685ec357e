"""The text of a training as its process sees it: of several processes each reads its own part of the file.

- `Corpus`: vocabulary, digest, and the streams to learn from and to judge by.
- `of_text`: of a whole text. `of_file`: of one process's part of a file, which no other process reads but at its ends.

The streams are those of `microgradrnn.text.streams`: side by side, one text of them all; a process has some of them.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.text import Tokens, Vocabulary, decoded
from microgradrnn.training.evaluation import CHUNK
from microgradrnn.training.hosts import Hosts
from microgradrnn.training.settings import Settings

BLOCK = 1 << 26
"""Bytes of text, its lines ending as in Unix, that are hashed together; a longer text has the hash of its hashes."""
SAMPLED = 1 << 13
"""Bytes of each of the 64 places of a file that every process reads to compare them."""
SCANNED = 1 << 24
"""Bytes of a file that are looked at together."""

Read = Callable[[int, int], Tokens]
"""The tokens of the characters from one place to another."""


@dataclass(frozen=True)
class Streams:
    """Streams of a text that are read side by side.

    Attributes:
        inputs: (steps, N), the tokens of this process's streams. targets: the tokens that follow.
        batch: how many streams all processes have together.
        columns: which of them are this process's.
    """

    inputs: Tokens
    targets: Tokens
    batch: int
    columns: slice

    @property
    def size(self) -> int:
        """How many tokens all processes read together."""
        return len(self.inputs) * self.batch


@dataclass(frozen=True)
class Corpus:
    """The text of a training.

    Attributes:
        vocabulary: of the whole text.
        digest: SHA-256 of the whole text in UTF-8; of a text beyond `BLOCK` bytes that of its blocks' digests.
        learnt: the streams to learn from. held_out: those to judge by, None where nothing is held out.
        held_out_size: the characters that are held out.
    """

    vocabulary: Vocabulary
    digest: str
    learnt: Streams
    held_out: Streams | None
    held_out_size: int


def of_text(text: str, settings: Settings, hosts: Hosts | None = None) -> Corpus:
    """The corpus of a text, or of this process's part of it.

    Raises:
        ValueError: it has under two characters.
    """
    vocabulary = Vocabulary.of(text) if text else None
    if vocabulary is None or len(text) < 2:
        raise ValueError(f"Trainer: a text has at least 2 characters, one to predict the other, not {len(text)}")
    data = text.encode()
    blocks = [hashlib.sha256(data[start : start + BLOCK]).digest() for start in range(0, len(data), BLOCK)]
    return _corpus(vocabulary, blocks, len(text), lambda a, b: vocabulary.encode(text[a:b]), settings, hosts or Hosts())


def of_file(path: str | Path, settings: Settings, hosts: Hosts) -> Corpus:
    """The corpus of a file, of which each process reads its part; all of them call this.

    Raises:
        ValueError: on every process, where the file of one of them cannot be read, is no UTF-8 text, or is another one.
    """
    file = _TextFile(Path(path))
    hosts.same(f"the file {path}", hosts.agree(file.fingerprint))
    places = range(0, file.size(), SCANNED)
    own = _share(len(places), hosts)
    scans = hosts.agree(lambda: [file.scan(start, start + SCANNED) for start in places[own]])
    table = _joined(hosts, np.array([scan.counts for scan in scans], np.int64).reshape(-1, 2), len(places))
    characters = _characters(hosts, scans)
    file.index(places, table)
    if file.characters < 2:
        raise ValueError(f"Trainer: a text has at least 2 characters, one to predict the other, not {file.characters}")
    starts = range(0, file.bytes, BLOCK)
    hashes = hosts.agree(
        lambda: [hashlib.sha256(file.part(a, a + BLOCK)).digest() for a in starts[_share(len(starts), hosts)]]
    )
    digests = _joined(hosts, np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 32), len(starts))
    vocabulary = Vocabulary(characters)
    return _corpus(
        vocabulary,
        [row.tobytes() for row in digests],
        file.characters,
        lambda a, b: vocabulary.encode(file.text(a, b)),
        settings,
        hosts,
    )


def _corpus(
    vocabulary: Vocabulary, blocks: list[bytes], length: int, read: Read, settings: Settings, hosts: Hosts
) -> Corpus:
    held_out = int(length * settings.validation)
    if held_out < 2 or length - held_out < 2:
        held_out = 0  # as `microgradrnn.text.split` has it
    front = length - held_out
    digest = hashlib.sha256(b"".join(blocks)).hexdigest() if len(blocks) > 1 else blocks[0].hex()
    learnt, judged = hosts.agree(
        lambda: (
            _streams(read, 0, front, settings.batch_size, settings.seq_length, hosts),
            _streams(read, front, length, settings.batch_size, CHUNK, hosts) if held_out else None,
        )
    )
    return Corpus(vocabulary, digest, learnt, judged, held_out)


def _streams(read: Read, start: int, stop: int, count: int, chunk: int, hosts: Hosts) -> Streams:
    """The streams of a part of the text that are this process's; all, where they cannot be shared equally."""
    pairs = stop - start - 1
    count = max(1, min(count, pairs // chunk))
    length = pairs // count
    columns = _share(count, hosts) if count % hosts.shards == 0 else slice(0, count)
    tokens = read(start + columns.start * length, start + columns.stop * length + 1)
    rows = columns.stop - columns.start
    inputs, targets = (part.reshape(rows, length).T.copy() for part in (tokens[:-1], tokens[1:]))
    return Streams(inputs, targets, count, columns)


def _share(count: int, hosts: Hosts) -> slice:
    """Which of so many things in a row are this process's."""
    return slice(count * hosts.index // hosts.count, count * (hosts.index + 1) // hosts.count)


def _joined(hosts: Hosts, own: NDArray[Any], total: int) -> NDArray[Any]:
    """The rows of all processes, one below the other."""
    most = -(-total // hosts.count)
    padded = np.zeros((most, own.shape[1]), own.dtype)
    padded[: len(own)] = own
    shares = (_share(total, Hosts(index, hosts.count)) for index in range(hosts.count))
    parts = zip(hosts.gather(padded), shares, strict=True)
    return np.concatenate([rows[: share.stop - share.start] for rows, share in parts])


def _characters(hosts: Hosts, scans: list[_Scan]) -> str:
    """Every character that a process has seen, in order."""
    seen = np.zeros(0x110000, bool)
    for scan in scans:
        seen[scan.codes] = True
    found = np.bitwise_or.reduce(np.stack(hosts.gather(np.packbits(seen))))
    return "".join(map(chr, np.flatnonzero(np.unpackbits(found))))


@dataclass(frozen=True)
class _Scan:
    """What a part of a file holds: bytes and characters, with lines that end as in Unix, and which characters."""

    counts: tuple[int, int]
    codes: NDArray[Any]


class _TextFile:
    """A UTF-8 file, any part of whose text can be read without the rest."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = self.characters = 0
        self._places: range = range(0)
        self._bytes_before: NDArray[Any] = np.zeros(1, np.int64)
        self._characters_before = self._bytes_before

    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    def fingerprint(self) -> str:
        """The size, and a hash of a sample: by it processes see that their files differ, nearly always."""
        size, sample = self.size(), hashlib.sha256()
        with self.path.open("rb") as file:
            for place in sorted({k * max(0, size - SAMPLED) // 63 for k in range(64)}):
                file.seek(place)
                sample.update(file.read(SAMPLED))
        return f"{size:,} bytes, sampled hash {sample.hexdigest()[:12]}"

    def scan(self, start: int, stop: int) -> _Scan:
        """What the bytes from start to stop hold; a character belongs to where it begins."""
        text = self._raw(start, stop)
        codes = np.unique(np.frombuffer(text.encode("utf-32-le"), "<u4"))
        return _Scan((len(text.encode()), len(text)), codes)

    def index(self, places: range, counts: NDArray[Any]) -> None:
        """Learn how many bytes and characters each part of the file has."""
        self._places = places
        self._bytes_before, self._characters_before = (
            np.concatenate([[0], np.cumsum(column, dtype=np.int64)]) for column in counts.T
        )
        self.bytes, self.characters = int(self._bytes_before[-1]), int(self._characters_before[-1])

    def text(self, start: int, stop: int) -> str:
        """The characters from start to stop."""
        first, parts = self._parts(self._characters_before, start, stop)
        return "".join(parts)[start - first : stop - first]

    def part(self, start: int, stop: int) -> bytes:
        """The bytes of the text, its lines ending as in Unix, from start to stop."""
        first, parts = self._parts(self._bytes_before, start, stop)
        return "".join(parts).encode()[start - first : stop - first]

    def _parts(self, before: NDArray[Any], start: int, stop: int) -> tuple[int, list[str]]:
        """The parts of the file that hold what is from start to stop, and where the first of them begins."""
        first = int(np.searchsorted(before, start, side="right")) - 1
        last = int(np.searchsorted(before, min(stop, before[-1]), side="left"))
        return int(before[first]), [self._raw(place, place + SCANNED) for place in self._places[first:last]]

    def _raw(self, start: int, stop: int) -> str:
        """The text of the characters that begin in these bytes, its lines ending as in Unix."""
        with self.path.open("rb") as file:
            file.seek(max(0, start - 1))
            before = file.read(1) if start else b""
            content = file.read(stop - start + 3)
        skipped = _continued(content) if start else 0
        end = min(stop - start, len(content))
        content = content[skipped : end + _continued(content[end:])]
        if start == 0:
            content = content.removeprefix(codecs.BOM_UTF8)
        text = decoded(content, str(self.path), start + skipped)
        if before == b"\r":
            text = text.removeprefix("\n")  # the line's end stands in the part before
        return text.replace("\r\n", "\n").replace("\r", "\n")


def _continued(content: bytes) -> int:
    """How many bytes at the front go on with a character that began before; UTF-8 has 3 at most."""
    return next((k for k, byte in enumerate(content[:3]) if byte & 0xC0 != 0x80), min(3, len(content)))
