"""What a program hands out is the caller's own, and what it was given stays as it was."""

import gc
import sys
import threading
import weakref

import numpy as np

from microgradrnn import Parameter, Tensor, functional
from microgradrnn import engine as recording
from microgradrnn.program import compile as compile_graph
from tests.program.agreement import close, every_set_of_rewrites
from tests.program.models import V, language_model, program_of_a_language_model


def every_result(program, arrays):
    value, grads, outputs = program.run(*arrays)
    return [np.asarray(value), *grads.values(), *outputs]


@every_set_of_rewrites
def test_results_are_nobody_elses(rewrites):
    """Not a later call's, which may write what it wants; and what is done to them is not seen by one."""
    model, _, inputs = language_model()
    steps = model.unroll(inputs[0])
    logits = [y for _, y in steps]
    loss = functional.add_n([functional.cross_entropy(y, inputs[1][t], reduction="sum") for t, y in enumerate(logits)])
    every = functional.stack(logits)
    program = compile_graph(loss, inputs, outputs=[every, logits[0], steps.state[0]], rewrites=rewrites)
    arrays = [x.data for x in inputs]
    first = every_result(program, arrays)
    kept = [x.copy() for x in first]
    every_result(program, [np.flip(x).copy() for x in arrays])
    for one, other in zip(first, kept, strict=True):
        np.testing.assert_array_equal(one, other)
    for x in first:
        if x.ndim:
            x[...] = np.nan
    for one, other in zip(every_result(program, arrays), kept, strict=True):
        np.testing.assert_array_equal(one, other)


@every_set_of_rewrites
def test_inputs_and_parameters_are_never_written_to(rewrites):
    x, W = Tensor(np.random.default_rng(0).normal(size=(4, 2, 3)), "x"), Parameter(np.eye(3), "W")
    h = Tensor(np.zeros((2, 3)), "h0")
    state = h
    for t in range(4):
        state = (x[t] + state @ W).tanh()
    program = compile_graph((state * x[0]).sum(), [x, h], outputs=[x], rewrites=rewrites)
    arrays = x.data.copy(), h.data.copy()
    for array in (*arrays, W.data):
        array.flags.writeable = False
    program(*arrays)
    for one in every_result(program, arrays):
        assert not any(np.shares_memory(one, other) for other in (*arrays, W.data))


def test_nothing_is_recorded_when_it_runs(monkeypatch):
    _, program, arrays = program_of_a_language_model()
    made = []
    init = recording.Node.__init__
    monkeypatch.setattr(recording.Node, "__init__", lambda node, *given: (made.append(node), init(node, *given))[1])
    Tensor(1.0)
    assert len(made) == 1  # the count counts
    program(*arrays)
    program.backward(*arrays)
    assert len(made) == 1


def test_the_graph_that_it_was_recorded_from_may_go():
    _, loss, inputs = language_model()
    program = compile_graph(loss, inputs)
    gone, arrays = weakref.ref(loss), [x.data for x in inputs]
    del loss, inputs
    gc.collect()
    assert gone() is None
    program(*arrays)


def test_threads_may_call_one_program_at_once():
    """Each with arrays of its own: what it fills from call to call must not be another's."""
    _, program, _ = program_of_a_language_model(T=30, N=8)
    rng = np.random.default_rng(3)
    given = [(rng.integers(V, size=(30, 8)), rng.integers(V, size=(30, 8))) for _ in range(4)]
    expected = [program(*arrays) for arrays in given]
    wrong, start = [], threading.Barrier(len(given))

    def call(k):
        start.wait()
        for _ in range(150):
            value, grads = program(*given[k])
            same = value == expected[k][0] and all(np.array_equal(grads[n], g) for n, g in expected[k][1].items())
            if not same:
                wrong.append(k)

    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=call, args=(k,)) for k in range(len(given))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switching)
    assert not wrong


def test_one_program_serves_sizes_in_turn():
    """A buffer of one size does not stand in for one of another."""
    model, program, _ = program_of_a_language_model(sizes="free")
    rng = np.random.default_rng(0)
    for T, N in [(4, 2), (7, 3), (4, 2), (2, 4), (7, 3)]:
        arrays = rng.integers(V, size=(2, T, N))
        close(program(*arrays)[0], model.loss(*arrays, reduction="sum")[0].data)


def test_two_programs_do_not_share_what_they_keep():
    _, one, arrays = program_of_a_language_model()
    _, other, others = program_of_a_language_model(seed=1)
    expected = one(*arrays)[0], other(*others)[0]
    assert (one(*arrays)[0], other(*others)[0]) == expected
