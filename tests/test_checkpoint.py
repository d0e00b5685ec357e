"""Checkpoints: what goes in comes out, and nothing else is taken for one."""

import json
import os
import pickle
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from microgradrnn import Tensor, nn, optim
from microgradrnn.training import Checkpoint, CheckpointError, Settings, Trainer
from microgradrnn.training import checkpoint as checkpoints
from tests.plain import every_kind

TEXT = "what is carried on is carried on\n" * 8
SMALL = Settings(hidden=4, layers=2, seq_length=6, batch_size=2, epochs=3, dropout=0.1)
reads_files = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def trained(kind="lstm", steps=4):
    trainer = Trainer(replace(SMALL, cell=kind), TEXT)
    for position in trainer.steps():
        if position.step == steps:
            return trainer
    raise AssertionError("too short a text")


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """The bytes of a good checkpoint."""
    path = tmp_path_factory.mktemp("good") / "c"
    trained().checkpoint().save(path)
    return path.read_bytes()


def loaded(tmp_path, content):
    path = tmp_path / "c"
    path.write_bytes(content)
    return Checkpoint.load(path)


def rewritten(tmp_path, content, change):
    """A checkpoint with other arrays or other metadata, its checksum made anew: damage that someone took care over."""
    good = loaded(tmp_path, content)
    change(good)
    good.save(tmp_path / "changed")
    return tmp_path / "changed"


@every_kind
def test_a_checkpoint_comes_back_as_it_was(kind, tmp_path):
    before = trained(kind).checkpoint()
    before.save(tmp_path / "c")
    after = Checkpoint.load(tmp_path / "c")
    for name in ("settings", "vocabulary", "position", "random", "history", "text_digest"):
        assert getattr(after, name) == getattr(before, name)
    assert after.arrays.keys() == before.arrays.keys()
    for name, array in before.arrays.items():
        assert after.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(after.arrays[name], array)


def test_another_reader_of_safetensors_finds_the_weights(tmp_path):
    trainer = trained()
    trainer.checkpoint().save(tmp_path / "c")
    with safe_open(tmp_path / "c", framework="np") as file:
        np.testing.assert_array_equal(file.get_tensor("model.readout.W"), trainer.model.readout.W.data)
        assert json.loads(file.metadata()["vocabulary"]) == "".join(sorted(set(TEXT)))


def test_the_model_of_a_checkpoint_is_the_one_that_was_trained(tmp_path):
    trainer = trained()
    model, tokens = trainer.checkpoint().model(), np.array([[1], [2], [3]])
    trainer.model.eval()
    assert not model.training
    assert model.loss(tokens, tokens)[0].item() == trainer.model.loss(tokens, tokens)[0].item()


# ---- What is no checkpoint ------------------------------------------------------------------------------------------


@reads_files
@given(st.data())
def test_a_file_cut_short_anywhere_is_an_error(tmp_path, content, data):
    kept = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(CheckpointError, match="damaged, cut short"):
        loaded(tmp_path, content[:kept])


@reads_files
@given(st.data())
def test_a_bit_flipped_anywhere_is_an_error(tmp_path, content, data):
    """In the header, the metadata or an array: what is loaded is what was saved, or nothing is."""
    at, bit = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(0, 7))
    damaged = bytearray(content)
    damaged[at] ^= 1 << bit
    try:
        found = loaded(tmp_path, bytes(damaged))
    except CheckpointError:
        return
    good = loaded(tmp_path, content)  # white space in the header, say
    assert found.arrays.keys() == good.arrays.keys()
    assert all((found.arrays[name] == good.arrays[name]).all() for name in good.arrays)
    assert (found.settings, found.position, found.random) == (good.settings, good.position, good.random)


class Touch:
    """Pickled, it makes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_is_not_executed(tmp_path):
    harm = pickle.dumps(Touch(tmp_path / "harm"))
    pickle.loads(harm)
    (tmp_path / "harm").rmdir()  # it does work
    for content in (harm, struct.pack("<Q", len(harm)) + harm):
        with pytest.raises(CheckpointError):
            loaded(tmp_path, content)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a checkpoint",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 100_000) + b'{"a":' * 20_000,
        struct.pack("<Q", 70)
        + json.dumps({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode(),
    ],
    ids=["empty", "text", "length", "nothing in it", "deep", "shape"],
)
def test_foreign_and_malicious_files_are_a_clear_error(tmp_path, content):
    with pytest.raises(CheckpointError, match=r"c is damaged, cut short, or no|no checkpoint of microgradrnn"):
        loaded(tmp_path, content)


def test_weights_of_another_program_are_no_checkpoint(tmp_path):
    save_file({"weight": np.ones(3)}, tmp_path / "c")
    with pytest.raises(CheckpointError, match="no checkpoint of microgradrnn: its format is None"):
        Checkpoint.load(tmp_path / "c")


def unchecked(good, **wrong):
    """Settings that their own constructor would refuse."""
    found = replace(good.settings)
    for name, value in wrong.items():
        object.__setattr__(found, name, value)
    good.settings = found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: unchecked(c, hidden=10**12), "with 1000000000000 on axis 0"),
        (lambda c: unchecked(c, layers=10**12), "rnn.cells.2.0.W_hh"),
        (lambda c: unchecked(c, hidden=-4), "hidden is a positive integer"),
        (lambda c: unchecked(c, cell="__import__('os')"), "cell is 'rnn', 'lstm' or 'gru'"),
        (lambda c: unchecked(c, lr="0.1"), "lr is a finite number"),
        (lambda c: c.arrays.pop("model.readout.W"), "got nothing"),
        (lambda c: setattr(c.position, "chunk", -1), "counts are integers"),
        (lambda c: setattr(c.position, "smooth_loss", float("nan")), "finite numbers"),
        (lambda c: c.history.append({"epoch": "=1+1"}), "a row of history"),
        (lambda c: setattr(c, "history", 3), "makes no sense"),
    ],
)
def test_settings_that_fit_nothing_are_refused_before_anything_of_that_size_is_made(tmp_path, content, change, said):
    path = rewritten(tmp_path, content, change)
    with pytest.raises(CheckpointError, match=said):
        Checkpoint.load(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.arrays.pop("optimizer.0.m"),
        lambda c: c.arrays.update({"optimizer.99.m": np.ones(2)}),
        lambda c: c.arrays.update({"optimizer.0.m": np.ones(2)}),
        lambda c: c.arrays.pop("state.0"),
        lambda c: c.arrays.update({"state.0": np.ones((2, 2, 5))}),
        lambda c: c.arrays.update({"state.0": c.arrays["state.0"].astype(np.float64)}),
        lambda c: c.arrays.update({"state.0": c.arrays["state.0"].astype(np.int64)}),
        lambda c: c.arrays.pop("model.rnn.cells.0.0.b_h"),
        lambda c: setattr(c, "random", {"bit_generator": "PCG64", "state": {}}),
        lambda c: setattr(c, "random", []),
        lambda c: setattr(c, "random", c.random | {"bit_generator": "MT19937"}),
        lambda c: setattr(c.position, "chunk", 10**6),
    ],
)
def test_parts_that_do_not_fit_together_are_refused_when_going_on(tmp_path, content, change):
    path = rewritten(tmp_path, content, change)
    with pytest.raises(CheckpointError, match="checkpoint"):
        Trainer.resumed(Checkpoint.load(path), TEXT)


@pytest.mark.parametrize("dtype", ["int8", "float16", "bool"])
def test_a_file_with_arrays_of_another_dtype_is_refused_by_name(tmp_path, content, monkeypatch, dtype):
    monkeypatch.setattr(checkpoints, "DTYPES", (*checkpoints.DTYPES, dtype))
    path = rewritten(tmp_path, content, lambda c: c.arrays.update({"model.x": np.ones(2, dtype)}))
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=f"changed: model.x holds {dtype}, and a checkpoint holds"):
        Checkpoint.load(path)


def no_numbers(shape):
    """What NumPy would turn into numbers if it were asked for a dtype, and what it would not."""
    return {
        "text": np.full(shape, "3"),
        "None": np.full(shape, None),
        "one None": None,
        "dates": np.full(shape, np.datetime64("2020-01-01")),
        "spans": np.full(shape, np.timedelta64(1, "D")),
        "complex": np.full(shape, 1 + 0j),
        "bytes": np.full(shape, b"3"),
        "objects": np.full(shape, 3.5, dtype=object),
        "booleans": np.full(shape, True),
        "ragged": [[1.0, 2.0], [3.0]],
        "node": Tensor(np.ones(shape)),
    }


every_wrong_kind = pytest.mark.parametrize("kind", no_numbers(()))


@every_wrong_kind
@pytest.mark.parametrize("name", ["model.readout.b", "model.readout.W", "state.0", "optimizer.0.m", "optimizer.0.k"])
def test_a_checkpoint_holds_numbers_alone(tmp_path, kind, name):
    checkpoint = trained().checkpoint()
    checkpoint.save(tmp_path / "c")
    before = (tmp_path / "c").read_bytes()
    checkpoint.arrays[name] = no_numbers(checkpoint.arrays[name].shape)[kind]
    uses = [lambda: checkpoint.save(tmp_path / "c"), lambda: Trainer.resumed(checkpoint, TEXT)]
    for use in uses + [checkpoint.model] * name.startswith("model."):
        with pytest.raises(CheckpointError, match=name):
            use()
    assert (tmp_path / "c").read_bytes() == before


@every_wrong_kind
def test_weights_and_the_memory_of_an_optimizer_are_numbers_alone(kind):
    layer = nn.Linear(2, 3, seed=0)
    adam = optim.Adam(layer.parameters())
    for p in layer.parameters():
        p.grad = np.ones(p.shape)
    adam.step()
    for holder, name in ((layer, "W"), (adam, "0.m"), (adam, "0.v"), (adam, "0.k")):
        good = holder.state_dict()
        with pytest.raises((TypeError, ValueError), match=rf"load_state_dict: {name} (is|has)"):
            holder.load_state_dict(good | {name: no_numbers(good[name].shape)[kind]})
        assert all((holder.state_dict()[other] == array).all() for other, array in good.items())
    for holder in (layer, adam):
        with pytest.raises(TypeError, match="load_state_dict"):
            holder.load_state_dict(None)


def test_what_is_not_there_is_said_as_python_says_it(tmp_path):
    with pytest.raises(FileNotFoundError):
        Checkpoint.load(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        Checkpoint.load(tmp_path)


# ---- The optimisers' memory -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, lr=0.1),
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        lambda p: optim.Adagrad(p),
        lambda p: optim.RMSprop(p, momentum=0.5),
        lambda p: optim.Adam(p),
        lambda p: optim.AdamW(p),
    ],
)
def test_an_optimizer_with_a_loaded_memory_steps_as_the_one_that_it_is_of(make):
    from microgradrnn import Value

    rng = np.random.default_rng(0)
    starts = [rng.normal(size=(2, 3)), rng.normal(size=4).astype(np.float32)]
    one = [Value(0.3), *map(Tensor, starts), Tensor([1.0])]  # the last never gets a gradient
    optimizer = make(one)
    for k in range(6):
        if k == 3:
            other = [Value(one[0].data), *(Tensor(p.data) for p in one[1:])]
            second = make(other)
            second.load_state_dict(optimizer.state_dict())
        for p in one[:3]:
            p.grad = rng.normal(size=p.shape)
        optimizer.step()
        if k >= 3:
            for p, q in zip(one[:3], other[:3], strict=True):
                q.grad = p.grad
            second.step()
    for p, q in zip(one, other, strict=True):
        np.testing.assert_array_equal(p.data, q.data)
        assert type(p.data) is type(q.data)


def test_a_memory_that_does_not_fit_changes_nothing():
    p = Tensor([1.0, 2.0])
    adam, p.grad = optim.Adam([p]), [1.0, 1.0]
    adam.step()
    good = adam.state_dict()
    for wrong in ({"0.z": np.ones(2)}, {"1.m": np.ones(2)}, {"0.m": np.ones(3)}, {"0.k": np.ones(())}):
        with pytest.raises((KeyError, ValueError), match="load_state_dict"):
            adam.load_state_dict(good | wrong)
    with pytest.raises(KeyError, match="has only"):
        adam.load_state_dict({"0.m": np.ones(2)})
    assert all((adam.state_dict()[name] == array).all() for name, array in good.items())
