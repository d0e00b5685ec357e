"""Programs of every architecture, against fresh recordings, and against the numbers of others."""

import re

import numpy as np
import pytest

from microgradrnn import Tensor, functional, interop, nn
from microgradrnn.by_hand import min_char_rnn
from microgradrnn.program import compile as compile_graph
from tests.plain import randomised
from tests.program.agreement import REWRITE_SETS, array_of, assert_agrees, close, every_set_of_rewrites
from tests.program.networks import CASES, CLASSES, HIDDEN, as_input, is_fixed
from tests.test_torch_numbers import KEPT, all_close, name_of, recurrent_gradients
from tests.torch_numbers import make

T, N = 6, 2
FREE, KEPT_SIZES = [name for name in CASES if not is_fixed(name)], [name for name in CASES if is_fixed(name)]


every_case, every_free_case, every_fixed_case = (
    pytest.mark.parametrize("name", names, scope="module") for names in (CASES, FREE, KEPT_SIZES)
)


def compiled(name, rewrites, dtype=np.float64):
    """A case, and its program as recorded for T and N."""
    case = CASES[name](dtype)
    loss, inputs = case.record(T, N, np.random.default_rng(0))
    return case, compile_graph(loss, inputs, rewrites=rewrites, sizes="free")


@pytest.fixture(scope="module")
def case_and_program(name, rewrites):
    """Compiled once for all tests of it, which pytest runs one after the other: compiling is most of their time."""
    return compiled(name, rewrites)


# ---- Against fresh recordings ---------------------------------------------------------------------------------------


@every_set_of_rewrites
@every_case
def test_value_and_all_gradients_are_those_of_a_fresh_recording(case_and_program):
    case, program = case_and_program
    assert_agrees(program, *case.record(T, N, np.random.default_rng(1)))


@pytest.mark.parametrize("name", CASES)
def test_in_float32_they_are_so_to_its_precision(name):
    case, program = compiled(name, REWRITE_SETS[-1], np.float32)
    assert_agrees(program, *case.record(T, N, np.random.default_rng(1)), tolerance=1e-5)


@pytest.mark.parametrize("sizes", [(T, 1), (9, 3), (3, 2)], ids=str)
@every_set_of_rewrites
@every_free_case
def test_and_those_of_a_recording_for_other_numbers_of_steps_and_sequences(case_and_program, sizes):
    case, program = case_and_program
    assert_agrees(program, *case.record(*sizes, np.random.default_rng(1)))


@every_set_of_rewrites
@every_free_case
def test_at_the_fewest_steps_that_there_can_be_it_agrees_or_says_which_input_is_too_short(case_and_program):
    case, program = case_and_program
    recording = case.record(case.fewest, 1, np.random.default_rng(1))
    try:
        program(*map(array_of, recording[1]))
    except (ValueError, IndexError) as error:
        assert re.match(rf"program: ({'|'.join(x.label for x in recording[1])}) ", str(error)), error  # noqa: PT017
    else:
        assert_agrees(program, *recording)


@pytest.mark.parametrize("sizes", [(T, N + 1), (T + 3, N)], ids=["another batch size", "more steps"])
@every_set_of_rewrites
@every_fixed_case
def test_where_sizes_are_fixed_the_error_the_notes_and_the_source_say_why(case_and_program, sizes):
    case, program = case_and_program
    _, inputs = case.record(*sizes, np.random.default_rng(1))
    with pytest.raises(ValueError, match=r"must be [0-9]+, since ") as caught:
        program(*map(array_of, inputs))
    why = str(caught.value).split("since ")[1]
    assert "weight" not in why
    (note, *_) = [note for note in program.notes if note.endswith(why)]
    assert f"# Fixed: {note}" in program.source


@pytest.mark.parametrize("name", FREE)
def test_the_source_is_as_long_for_twenty_steps_as_for_five_and_no_note_says_otherwise(name):
    case = CASES[name](np.float64)
    few, many = (compile_graph(*case.record(steps, N, np.random.default_rng(0)), sizes="free") for steps in (5, 20))
    assert len(few.source.splitlines()) == len(many.source.splitlines())
    assert "for t in range(" in many.source
    assert "for t in reversed(range(" in many.source
    assert not [note for note in many.notes if "for each step" in note]


# ---- Against other witnesses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lstm: language model", "gru: free running", "rnn: teacher forcing, both directions"])
def test_gradients_are_the_slopes_of_the_programs_own_value(name):
    """Central differences: parameters are nudged and read as they stand, so the engine has no part in it."""
    case, program = compiled(name, REWRITE_SETS[-1])
    arrays = [array_of(given) for given in case.record(3, 1, np.random.default_rng(1))[1]]
    _, grads = program(*arrays)
    for label, leaf in program.parameters.items():
        kept, index = leaf.data.copy(), np.unravel_index(np.argmax(np.abs(grads[label])), leaf.shape)
        sides = []
        for nudge in (1e-6, -1e-6):
            leaf.data = kept + nudge * (
                np.arange(kept.size).reshape(kept.shape) == np.ravel_multi_index(index, kept.shape)
            )
            sides.append(program(*arrays)[0])
        leaf.data = kept
        assert grads[label][index] == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("case", KEPT["recurrent"], ids=name_of)
def test_all_gradients_of_a_recurrent_network_are_pytorchs(case):
    net = getattr(nn, case["kind"])(make.FEATURES, make.HIDDEN, **case["arguments"])
    interop.from_torch(net, {name: np.array(weight) for name, weight in case["weights"].items()})
    x, h0 = Tensor(case["x"], "x"), [Tensor(h, f"h0_{k}") for k, h in enumerate(case["h0"])]
    outputs, last = net(x, tuple(h0) if len(h0) > 1 else h0[0])
    loss = (outputs * np.array(case["w"])).sum()
    for state, v in zip(last if len(h0) > 1 else (last,), case["v"], strict=True):
        loss = loss + (state * np.array(v)).sum()
    program = compile_graph(loss, [x, *h0])
    result = program.backward(x.data, *(h.data for h in h0))
    all_close(recurrent_gradients(net), case["weights' gradients"])
    close(result.grads["x"], np.array(case["gradients"]["x"]), 1e-10)
    for k, theirs in enumerate(case["gradients"]["h0"]):
        close(result.grads[f"h0_{k}"], np.array(theirs), 1e-10)


def test_the_language_model_is_min_char_rnn_derived_by_hand():
    model, rng = randomised(nn.RNNLM(CLASSES, HIDDEN), 0)
    tokens, targets = (as_input(rng.integers(CLASSES, size=(T, N)), name) for name in ("tokens", "targets"))
    program = compile_graph(model.loss(tokens, targets, reduction="sum")[0], [tokens, targets], sizes="free")
    for steps in (1, 4, 11):
        read, written = rng.integers(CLASSES, size=(2, steps, 3))
        value, grads = program(read, written)
        weights = {name: leaf.data for name, leaf in program.parameters.items()}
        expected, gradients, _ = min_char_rnn.loss_and_gradients(read, written, weights, clip=np.inf)
        close(value, expected)
        assert grads.keys() == gradients.keys()
        for name, gradient in gradients.items():
            close(grads[name], gradient, name=name)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_mean_within_one_op_knows_its_size_and_a_number_of_python_does_not(reduction):
    """cross_entropy's own mean divides by the size of its targets; ``total / 12`` divides by 12 for ever."""
    W, x = Tensor(np.eye(CLASSES), "W"), as_input(np.ones((4, 3, CLASSES)), "x")
    targets = as_input(np.zeros((4, 3), int), "targets")
    loss = functional.cross_entropy(x @ W, targets, reduction=reduction)
    own = compile_graph(loss, [x, targets], sizes="free")
    by_hand = compile_graph(functional.cross_entropy(x @ W, targets, reduction="sum") / 12, [x, targets], sizes="free")
    arrays = np.ones((5, 2, CLASSES)), np.ones((5, 2), int)
    again = functional.cross_entropy(Tensor(arrays[0]) @ W, arrays[1], reduction=reduction)
    close(own(*arrays)[0], again.data)
    with pytest.raises(ValueError, match="the constant 12 may have been computed from it"):
        by_hand(*arrays)
    assert any("the constant 12" in note for note in by_hand.notes)
