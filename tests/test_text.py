"""Text as tokens, and cut up for a batch."""

import re

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


def test_a_byte_order_mark_and_line_ends_of_windows_are_no_characters(tmp_path):
    (tmp_path / "t").write_bytes("\ufeffa\r\nb".encode())
    assert read_text(tmp_path / "t") == "a\nb"


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
