"""Of several processes each reads its own part of a file: together they have what one process has of the whole text."""

import hashlib
import threading
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn.text import Vocabulary, read_text, split, streams
from microgradrnn.training import Settings, corpus
from microgradrnn.training.evaluation import CHUNK
from microgradrnn.training.hosts import Hosts


@dataclass(frozen=True)
class Threads(Hosts):
    """Processes that are threads of this one: what they tell one another lies on a common table."""

    barrier: threading.Barrier = None
    table: dict = field(default_factory=dict)

    def gather(self, array):
        self.table[self.index] = array
        self.barrier.wait()
        found = [self.table[index] for index in range(self.count)]
        self.barrier.wait()
        return found


def on_every_process(count, what):
    """What each process gives, or raises."""
    barrier, table, found = threading.Barrier(count), {}, [None] * count

    def run(index):
        try:
            found[index] = what(Threads(index, count, count, barrier, table))
        except ValueError as error:
            found[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


LETTERS = st.sampled_from("ab\r\n¢€👩 ") | st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
TEXTS = st.text(LETTERS, min_size=2)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@given(written=TEXTS, parts=st.integers(1, 4), validation=st.sampled_from([0.0, 0.3]), scanned=st.integers(4, 9))
def test_the_parts_are_the_whole(tmp_path_factory, written, parts, validation, scanned, mark):
    """Cut anywhere: within a character of several bytes, and between the two characters that end a line on Windows."""
    path = tmp_path_factory.mktemp("corpus") / "text"
    path.write_bytes((mark + written).encode())
    text = read_text(path)
    settings = Settings(batch_size=4, seq_length=2, validation=validation)
    if len(text) < 2:
        return
    before, corpus.SCANNED = corpus.SCANNED, scanned
    try:
        found = on_every_process(parts, lambda hosts: corpus.of_file(path, settings, hosts))
    finally:
        corpus.SCANNED = before
    learnt, held_out = split(Vocabulary.of(text).encode(text), validation)
    for each in found:
        assert each.vocabulary == Vocabulary.of(text)
        assert each.digest == hashlib.sha256(text.encode()).hexdigest()
        assert each.held_out_size == len(held_out)
    for name, tokens, chunk in (("learnt", learnt, 2), ("held_out", held_out, CHUNK)):
        mine = [getattr(each, name) for each in found]
        if not len(tokens):
            assert mine == [None] * parts
            continue
        inputs, targets = streams(tokens, 4, chunk)
        shared = inputs.shape[1] % parts == 0
        assert all(each.batch == inputs.shape[1] for each in mine)
        for array, part in ((inputs, "inputs"), (targets, "targets")):
            rows = [getattr(each, part) for each in mine]
            for whole in [np.concatenate(rows, axis=1)] if shared else rows:
                np.testing.assert_array_equal(whole, array)


def test_a_long_text_has_the_hash_of_its_blocks_hashes(monkeypatch, tmp_path):
    monkeypatch.setattr(corpus, "BLOCK", 10)
    (tmp_path / "text").write_bytes(text := "0123456789abcdefghij€".encode())
    blocks = [text[:10], text[10:20], text[20:]]
    wanted = hashlib.sha256(b"".join(hashlib.sha256(block).digest() for block in blocks)).hexdigest()
    assert corpus.of_text(text.decode(), Settings()).digest == wanted
    found = on_every_process(2, lambda hosts: corpus.of_file(tmp_path / "text", Settings(), hosts))
    assert [each.digest for each in found] == [wanted, wanted]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"x" * 40 + b"\xff" + b"x" * 40, "is not UTF-8 text: byte 0xff at 40"), (b"a", "at least 2 characters")],
)
def test_what_is_wrong_is_said_by_every_process(tmp_path, monkeypatch, content, words):
    monkeypatch.setattr(corpus, "SCANNED", 16)
    (tmp_path / "text").write_bytes(content)
    found = on_every_process(3, lambda hosts: corpus.of_file(tmp_path / "text", Settings(), hosts))
    for error in found:
        with pytest.raises(ValueError, match=words):
            raise error


def test_another_file_on_one_of_them_is_refused_by_all(tmp_path):
    for index, content in enumerate((b"one text " * 20_000, b"one test " * 20_000)):
        (tmp_path / str(index)).write_bytes(content)
    found = on_every_process(2, lambda hosts: corpus.of_file(tmp_path / str(hosts.index), Settings(), hosts))
    for error in found:
        with pytest.raises(ValueError, match=r"the file .* differs from process to process: 180,000 bytes"):
            raise error


def test_processes_that_differ_are_told_apart():
    found = on_every_process(2, lambda hosts: hosts.same("the version", f"0.{hosts.index + 1}"))
    for error in found:
        with pytest.raises(ValueError, match=r"the version differs .*: 0\.1 in process 0, 0\.2 in process 1"):
            raise error
