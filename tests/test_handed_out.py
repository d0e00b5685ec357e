"""What leaves a public function can be kept, changed and written to a file: in C order, its own memory, of its dtype.

`safetensors` and others write an array's memory as it lies, so a matrix in Fortran order comes back as another one. All
that is handed in here is in Fortran order, and often a read-only view, to see whether any of it comes out again.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest
from safetensors.numpy import load, save

from microgradrnn import Backprop, Parameter, Tensor, functional, interop, jvp, nn, optim, scope
from microgradrnn.analysis import grad_by_time, power_norms, spectrum, state_jacobian
from microgradrnn.by_hand import encoder_decoder, gru, lstm, min_char_rnn, sandwich, softmax_cross_entropy, vanilla
from microgradrnn.messages import forward_messages, message_steps, synchronized
from microgradrnn.program import compile as compiled_program
from microgradrnn.rounding import Rounding
from microgradrnn.sampling import probabilities
from microgradrnn.tasks import recall
from microgradrnn.text import Vocabulary, split, streams

DTYPES = [np.float64, np.float32]


def fortran(*shape, dtype=np.float64):
    """A read-only array in Fortran order, and a view."""
    array = np.random.default_rng(0).normal(size=shape[::-1]).astype(dtype).T
    array.flags.writeable = False
    return array


def arrays(found):
    """Every array in what a function returned."""
    if isinstance(found, np.ndarray):
        yield found
    elif isinstance(found, Mapping):
        yield from arrays(list(found.values()))
    elif isinstance(found, (list, tuple)):
        for part in found:
            yield from arrays(part)
    elif dataclasses.is_dataclass(found):
        yield from arrays([getattr(found, field.name) for field in dataclasses.fields(found)])


def is_fit_to_keep(array):
    flags = array.flags
    return flags.c_contiguous and flags.owndata and flags.writeable


# ---- Gradients ------------------------------------------------------------------------------------------------------

A, B = (4, 3), (3, 4)
GRAPHS = {
    "a product with a transpose": lambda a, b: a * b.T,
    "a square of a transpose": lambda a, b: a.T * a.T,
    "a matrix product": lambda a, b: a @ b,
    "of transposes": lambda a, b: a.T @ b.T,
    "a sum": lambda a, b: a.sum() + b.sum(axis=0),
    "a mean": lambda a, b: a.mean(axis=1) * b.mean(),
    "a sum of itself": lambda a, b: a + a.reshape(3, 4).T + b.T,
    "rows": lambda a, b: a[[0, 0, 1]] + b[:, :3],
    "broadcast": lambda a, b: a[:, :1] * b[:1],
    "softmax": lambda a, b: functional.softmax(a.T * b) + functional.log_softmax(b.T * a).T,
    "a stack": lambda a, b: functional.stack([a, b.T]).transpose(2, 0, 1),
    "a leaf alone": lambda a, b: a,
    "its transpose": lambda a, b: a.T,
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("graph", GRAPHS.values(), ids=list(GRAPHS))
def test_gradients(graph, dtype):
    """Of leaves and of inner nodes, after one pass and after a second, in a pass and step by step, forward as well."""
    a, b = Tensor(fortran(*A, dtype=dtype)), Tensor(fortran(*B, dtype=dtype))
    a1, b1 = a * 1.0, b * 1.0
    root = graph(a1, b1)
    upstream = fortran(*root.shape, dtype=dtype)
    nodes = {root, a1, b1, a, b, *root.inputs}

    def check():
        for node in nodes:
            if node.grad is not None:
                assert is_fit_to_keep(node.grad)
                assert node.grad.dtype == dtype

    for _ in range(2):
        root.backward(upstream)
        check()
    for visit in Backprop(root, upstream):
        for edge in visit.edges:
            for array in arrays([edge.upstream, edge.downstream, edge.before, edge.after]):
                assert is_fit_to_keep(array)
            assert is_fit_to_keep(edge.jacobian())
        check()
    assert is_fit_to_keep(jvp(root, {a: fortran(*A, dtype=dtype)}))


def test_one_edge_does_not_share_with_another():
    """What an edge carries can be changed, and no other edge nor any node hears of it."""
    a = Tensor(fortran(*A))
    root = (a + a).T.reshape(12)
    root.backward(np.ones(12))
    right = a.grad.copy()
    for visit in Backprop(root, np.ones(12)):
        for edge in visit.edges:
            edge.downstream[...] = np.nan
    np.testing.assert_array_equal(a.grad, 2 * right)


@pytest.mark.parametrize("dtype", DTYPES)
def test_data_of_leaves_however_it_comes_in(dtype):
    leaf, parameter, module = Tensor(fortran(*A, dtype=dtype)), Parameter(fortran(*A, dtype=dtype)), nn.Module()
    module.parameter = parameter
    leaf.data = fortran(*A)
    leaf.grad = fortran(*A)
    module.load_state_dict({"parameter": fortran(*A)})
    for array in (leaf.data, leaf.grad, parameter.data, module.state_dict()["parameter"]):
        assert is_fit_to_keep(array)
        assert array.dtype == dtype


def test_data_of_an_op_is_in_c_order_too_though_a_read_only_view():
    """A transposed array's memory, written as it lies, would come back as another matrix."""
    y = Tensor(fortran(*A)).T
    assert y.data.flags.c_contiguous
    np.testing.assert_array_equal(load(save({"y": y.data}))["y"], fortran(*A).T)


# ---- Everything else ------------------------------------------------------------------------------------------------


def trained(optimizer):
    """The memory and the weights after a step with gradients in Fortran order."""
    p = Parameter(fortran(*A))
    ((p * Tensor(fortran(*B)).T).sum()).backward()
    optimizer = optimizer([p])
    optimizer.step()
    return optimizer.state_dict(), p.data, p.grad


def clipped(clip):
    p = Parameter(fortran(*A))
    p.grad = fortran(*A)
    clip([p], 0.1)
    return p.grad


def compiled():
    a, b = Tensor(fortran(*A), "a"), Tensor(fortran(*B), "b")
    y = a.T * b
    loss = (y * y).sum() + y.T.sum() + a.sum()
    program = compiled_program(loss, inputs=[a], outputs=[y, y.T, a])
    return program.run(fortran(*A))


def by_time():
    w, losses = Tensor(fortran(*A), "w"), []
    for t in (1, 2):
        with scope("cell", t=t):
            losses += [(w.T * fortran(*B)).sum(), w.sum()]
    return grad_by_time(functional.add_n(losses), w), Rounding(functional.add_n(losses), [w]).of(w)


def model_and_data():
    return nn.ManyToMany(2, 3, 2, seed=0), fortran(4, 1, 2), np.array([[0], [1], [1], [0]])


def messages():
    chain = synchronized(*model_and_data())
    return forward_messages(chain), [
        (step.state, step.direct, step.jacobian, step.messages, step.delta, step.gradients)
        for step in message_steps(chain)
    ]


def states():
    rnn = nn.RNN(2, 3, seed=0)
    return state_jacobian(dict(rnn.unroll(fortran(5, 1, 2))), 1, 3)


def weights_of(shapes):
    """Weights of shapes such as "I 4H"."""
    sizes = {"I": 2, "H": 3, "O": 2, "C": 4, "A": 5}
    return {
        name: fortran(*(int(axis[:-1] or 1) * sizes[axis[-1]] for axis in shape.split()))
        for name, shape in shapes.items()
    }


def derived(module, shapes, T=3, N=2, **more):
    """What a derivation by hand gives forward and backward, its arrays all in Fortran order."""
    y, cache = module.forward(fortran(T, N, 2), weights_of(shapes), **more)
    return y, module.backward(fortran(*y.shape), cache)


def one_step(module, shapes, after):
    """What one step of the walk back gives, which is public too."""
    y, cache = module.forward(fortran(1, 2, 2), weights_of(shapes))
    return module.backward_step(fortran(*y.shape[1:]), after, cache[0])


def one_step_of_a_decoder():
    y, cache = encoder_decoder.forward(fortran(1, 2, 2), weights_of(encoder_decoder.SHAPES), steps=2)
    after = (fortran(2, 3), fortran(2, 2))
    return encoder_decoder.decoder_backward_step(fortran(*y.shape[1:]), after, cache.decoder[0], runs_free=True)


VANILLA = {**vanilla.CELL, **vanilla.READ_OUT}


def character_rnn():
    weights = weights_of({"W_xh": "C H", "W_hh": "H H", "b_h": "H", "W_hy": "H C", "b_y": "C"})
    _, gradients, h = min_char_rnn.loss_and_gradients(np.array([[0], [1]]), np.array([[1], [2]]), weights)
    return gradients, h, min_char_rnn.adagrad(weights, weights, {})


def softmax():
    y, targets = fortran(3, 2, 4), np.asfortranarray([[0, 1], [2, 3], [0, 0]])
    losses, cache = softmax_cross_entropy.forward(y, targets)
    backward = softmax_cross_entropy.backward(fortran(3, 2), cache)
    return softmax_cross_entropy.softmax(y), losses, backward, softmax_cross_entropy.jacobian(y[0, 0])


HANDED_OUT = {
    "to_torch of a network": lambda: interop.to_torch(nn.LSTM(2, 3, num_layers=2, bidirectional=True)),
    "to_torch of a GRU": lambda: interop.to_torch(nn.GRU(2, 3)),
    "to_torch of layers": lambda: interop.to_torch(nn.Sequential(nn.Linear(2, 3), nn.Embedding(4, 2))),
    "state_dict": lambda: nn.Seq2Seq(nn.Encoder(2, 3), nn.Decoder(2, 3, 3)).state_dict(),
    "SGD": lambda: trained(lambda p: optim.SGD(p, lr=0.1, momentum=0.9)),
    "Adagrad": lambda: trained(optim.Adagrad),
    "RMSprop": lambda: trained(optim.RMSprop),
    "Adam": lambda: trained(optim.Adam),
    "AdamW": lambda: trained(optim.AdamW),
    "clip_grad_norm_": lambda: clipped(optim.clip_grad_norm_),
    "clip_grad_value_": lambda: clipped(optim.clip_grad_value_),
    "a program": compiled,
    "grad_by_time and Rounding": by_time,
    "messages": messages,
    "spectrum": lambda: (spectrum(fortran(3, 3)), power_norms(fortran(3, 3), 4)),
    "state_jacobian": states,
    "by hand: vanilla": lambda: derived(vanilla, VANILLA),
    "by hand: LSTM": lambda: derived(lstm, lstm.SHAPES),
    "by hand: GRU": lambda: derived(gru, gru.SHAPES),
    "by hand: sandwich": lambda: derived(sandwich, sandwich.SHAPES),
    "by hand: encoder and decoder": lambda: derived(encoder_decoder, encoder_decoder.SHAPES, T=1, steps=1),
    "by hand: told what to read": lambda: derived(encoder_decoder, encoder_decoder.SHAPES, inputs=fortran(2, 2, 2)),
    "by hand: a step, vanilla": lambda: one_step(vanilla, VANILLA, fortran(2, 3)),
    "by hand: a step, LSTM": lambda: one_step(lstm, lstm.SHAPES, (fortran(2, 3), fortran(2, 3))),
    "by hand: a step, GRU": lambda: one_step(gru, gru.SHAPES, fortran(2, 3)),
    "by hand: a step, sandwich": lambda: one_step(sandwich, sandwich.SHAPES, fortran(2, 3)),
    "by hand: a step, decoder": one_step_of_a_decoder,
    "by hand: softmax": softmax,
    "by hand: min-char-rnn": character_rnn,
    "probabilities": lambda: probabilities(fortran(4), top_k=2),
    "recall": lambda: recall(3, 2),
    "encode": lambda: Vocabulary("ab").encode("abab"),
    "split": lambda: split(np.arange(10), 0.3),
    "streams": lambda: streams(np.arange(10), 2, 2),
}


@pytest.mark.parametrize("function", HANDED_OUT.values(), ids=list(HANDED_OUT))
def test_all_else_that_is_handed_out(function):
    found = list(arrays(function()))
    assert found
    for array in found:
        assert is_fit_to_keep(array), array.flags
        assert array.dtype in (np.float64, np.int64, np.complex128)  # eigenvalues are complex


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_state_dict_of_pytorchs_form_survives_a_file(dtype):
    """The memory as it lies is what `safetensors.numpy.save` writes."""
    lstm = nn.LSTM(2, 3, seed=0, dtype=dtype)
    state = interop.to_torch(lstm)
    assert {array.dtype for array in state.values()} == {np.dtype(dtype)}
    other = nn.LSTM(2, 3, seed=1, dtype=dtype)
    interop.from_torch(other, load(save(state)))
    for p, twin in zip(lstm.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, twin.data)
