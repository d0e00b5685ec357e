"""Text as tokens, and cut up for a batch."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn.text import Vocabulary, read_text, split, streams

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(texts)
def test_decoding_undoes_encoding_in_any_script(text):
    vocabulary = Vocabulary.of(text)
    tokens = vocabulary.encode(text)
    assert vocabulary.decode(tokens) == text
    assert sorted(set(tokens.tolist())) == list(range(len(vocabulary)))


def test_a_character_that_is_not_known_is_named_with_its_place():
    with pytest.raises(ValueError, match=r"'é' at line 2, column 3 is none of the 4 characters"):
        Vocabulary("\nabc").encode("abc\nabé")


@pytest.mark.parametrize("wrong", ["", "ba", "aa", None])
def test_a_vocabulary_is_sorted_and_has_each_character_once(wrong):
    with pytest.raises(ValueError, match="Vocabulary: characters"):
        Vocabulary(wrong)


def test_a_file_that_is_no_utf8_is_refused_with_the_byte(tmp_path):
    (tmp_path / "t").write_bytes(b"abc\xff")
    with pytest.raises(ValueError, match=re.escape(f"{tmp_path / 't'} is not UTF-8 text: byte 0xff at 3")):
        read_text(tmp_path / "t")


SCRIPTS = ["Hello, world\r\n", "привет, мир", "天地玄黄 宇宙洪荒\n", "e\u0301 ❤ 👍🏽", "مرحبا بالعالم"]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", [True, False])
def test_a_file_in_utf_16_or_32_is_refused_with_its_encoding_and_a_remedy_that_works(tmp_path, script, encoding, mark):
    old, new, text = tmp_path / "old", tmp_path / "new", script * 20
    old.write_bytes((("\ufeff" if mark and encoding[-1] == "e" else "") + text).encode(encoding))
    with pytest.raises(ValueError, match="old is not UTF-8 text: ") as error:
        read_text(old)
    assert "\n" not in str(error.value)
    [said, remedy] = re.findall(r"it seems to be ([A-Z0-9-]+), which Python converts by (.*)", str(error.value))[0]
    assert encoding.upper() == said or (mark and encoding.upper().startswith(said))
    eval(remedy, {"Path": Path, "old": old, "new": new})
    assert read_text(new) == text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"abc\0\0\0\0", r"character '\x00' at 3"),
        (b"one\0twoo\0" * 20, r"character '\x00' at 3"),
        (b"a\x01\x02b" * 20, r"character '\x01' at 1"),
        ("привет".encode("utf-16-le") * 20, r"character '\x04' at 1"),  # without a blank there is no zero in it
        (b"\x89PNG\r\n\x1a\n", "byte 0x89 at 0"),
        (b"\xff", "byte 0xff at 0"),
    ],
)
def test_what_is_no_text_is_refused_without_a_guess(tmp_path, content, said):
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"is not UTF-8 text: {said}") + "$"):
        read_text(tmp_path / "t")


@pytest.mark.parametrize(
    "text",
    ["", "a\tb\x0cc\x0b", "\x1b[31mred\x1b[0m " * 9, "N\bNA\bAM\bME\bE", "a line that a \x07 rings in\n", "\ufffd" * 9],
)
def test_what_texts_do_hold_is_read(tmp_path, text):
    """Tabs, ends of pages, colours of terminals, the bold of manual pages, one stray control character."""
    (tmp_path / "t").write_bytes(text.encode())
    assert read_text(tmp_path / "t") == text


def test_a_byte_order_mark_and_line_ends_of_windows_are_no_characters(tmp_path):
    (tmp_path / "t").write_bytes("\ufeffa\r\nb\rc\n\r\n".encode())
    assert read_text(tmp_path / "t") == "a\nb\nc\n\n"


@given(length=st.integers(2, 200), count=st.integers(1, 20), seq_length=st.integers(1, 30))
def test_streams_read_the_text_in_order_and_predict_what_follows(length, count, seq_length):
    """On a text of 0, 1, 2 ... each target is one more than what is read."""
    inputs, targets = streams(np.arange(length), count, seq_length)
    assert (targets == inputs + 1).all()
    assert inputs.T.ravel().tolist() == list(range(inputs.size))
    assert 0 <= length - 1 - inputs.size < inputs.shape[1] <= count
    assert inputs.shape[1] == 1 or len(inputs) >= seq_length


@given(length=st.integers(0, 60), fraction=st.floats(0, 0.99))
def test_what_is_held_out_is_the_end_and_large_enough_or_nothing(length, fraction):
    front, end = split(np.arange(length), fraction)
    assert [*front, *end] == list(range(length))
    assert len(end) in (0, int(length * fraction))
    assert len(end) != 1
    if len(end):
        assert len(front) >= 2


@pytest.mark.parametrize("tokens", [np.arange(0), np.arange(1)])
def test_a_text_of_one_token_has_nothing_to_predict(tokens):
    with pytest.raises(ValueError, match=f"streams: a text has at least 2 characters.*not {len(tokens)}"):
        streams(tokens, 1, 1)
