"""The passes after the loops are settled: what each changes, what it leaves alone, and that numbers stay.

`test_rewrites` looks for them in sources. Here a pass is given an IR of a few expressions.
"""

import numpy as np
import pytest

from microgradrnn.program.ir import IR
from microgradrnn.program.mapping import mapped
from microgradrnn.program.namespace import Expressions
from microgradrnn.program.products import dotted, flattened, laid_out, looked_up

STACK, MATRIX = (5, 2, 3), (3, 4)


def computed(x, given):
    """The array that an expression stands for, by NumPy alone."""
    if x.fn == "argument":
        return given[x.name]
    args = [computed(arg, given) if hasattr(arg, "fn") else arg for arg in x.args]
    match x.fn:
        case "constant":
            return args[0].value
        case "index":
            return args[0][tuple(computed(part, given) if hasattr(part, "fn") else part for part in args[1])]
        case "matmul" | "product":
            return args[0] @ args[1]
        case "tensordot":
            return np.tensordot(*args, axes=([0, 1], [0, 1]))
        case "reshape":
            return args[0].reshape(tuple(map(int, x.params["shape"])))
        case "transpose":
            return args[0].transpose(x.params["axes"])
        case "tanh":
            return np.tanh(args[0])
    raise AssertionError(x.fn)


class Small:
    """An IR of one result, and arrays for its arguments."""

    def __init__(self):
        self.xp, self.given, self.rng = Expressions(), {}, np.random.default_rng(0)

    def argument(self, name, shape, dtype=np.float64):
        array = self.rng.integers(3, size=shape) if np.dtype(dtype).kind == "i" else self.rng.normal(size=shape)
        self.given[name] = array.astype(dtype)
        return self.xp.note(self.xp.make("argument", (name,), {}, shape, dtype), name=name)

    def after(self, rewrite, result):
        """The result after a pass, which must be the same array."""
        arguments = tuple(x for x in self.xp.known.values() if x.fn == "argument")
        found = rewrite(IR(self.xp, arguments, result, (result,), {}, {}, {}, True))
        assert found.outputs == (found.value,)
        np.testing.assert_allclose(computed(found.value, self.given), computed(result, self.given), rtol=1e-13)
        return found.value


@pytest.fixture
def small():
    return Small()


def one_hot(small, dtype=np.float64):
    tokens = small.argument("tokens", STACK[:2], np.int64)
    return small.xp.constant(np.eye(3, dtype=dtype))[tokens], tokens


def test_a_change_of_nothing_gives_the_very_same_expressions(small):
    product = small.argument("x", STACK) @ small.argument("W", MATRIX)
    assert small.after(lambda ir: mapped(ir, lambda x: x), product) is product


def test_what_takes_an_expressions_place_has_its_name(small):
    product = small.xp.note(small.argument("x", STACK) @ small.argument("W", MATRIX), name="scores", why="a reason")
    found = small.after(flattened, product)
    assert found is not product
    assert (found.name, found.why) == ("scores", "a reason")


def test_one_hot_rows_times_a_matrix_are_looked_up(small):
    rows, tokens = one_hot(small)
    found = small.after(looked_up, rows @ small.argument("W", MATRIX))
    assert (found.fn, found.args[1]) == ("index", (tokens,))


@pytest.mark.parametrize("which", ["float32", "other rows", "a stack of matrices"])
def test_other_products_are_not(small, which):
    rows, tokens = one_hot(small, np.float32 if which == "float32" else np.float64)
    if which == "other rows":
        rows = small.xp.constant(np.tri(3))[tokens]
    shape = (5, *MATRIX) if which == "a stack of matrices" else MATRIX
    product = rows @ small.argument("W", shape)
    assert small.after(looked_up, product) is product


def test_a_stack_of_products_becomes_one(small):
    found = small.after(flattened, small.argument("x", STACK) @ small.argument("W", MATRIX))
    assert (found.fn, found.args[0].fn, found.args[0].ndim) == ("reshape", "matmul", 2)


def test_so_do_the_products_of_all_steps_that_are_added_up(small):
    left, right = small.argument("x", STACK), small.argument("dz", (*STACK[:2], 4))
    found = small.after(flattened, small.xp.make("tensordot", (left, right), {"axes": 2}))
    assert (found.fn, found.shape) == ("matmul", (3, 4))


@pytest.mark.parametrize("shapes", [((2, 3), MATRIX), (STACK, (5, 3, 4)), ((3,), MATRIX)], ids=str)
def test_a_product_that_is_no_stack_times_a_matrix_stays(small, shapes):
    product = small.argument("x", shapes[0]) @ small.argument("W", shapes[1])
    assert small.after(flattened, product) is product


@pytest.mark.parametrize(("rows", "fn"), [(8192, "matmul"), (8193, "product")])
def test_only_a_product_that_no_cache_holds_goes_into_an_array_that_is_kept(small, rows, fn):
    """8,192 rows of four numbers of 8 bytes are 2^18 bytes."""
    product = small.argument("x", (rows, 3)) @ small.argument("W", MATRIX)
    found = small.after(laid_out, small.xp.reshape(product, (rows, 2, 2)))
    assert (found.fn, found.args[0].fn) == ("reshape", fn)


def test_a_product_outside_of_loops_is_no_dot(small):
    product = small.argument("x", (2, 3)) @ small.argument("W", MATRIX)
    assert small.after(dotted, product) is product


def test_after_a_pass_what_nobody_reads_is_not_reached(small):
    x, W = small.argument("x", STACK), small.argument("W", MATRIX)
    ir = flattened(IR(small.xp, (x, W), (x @ W).home.tanh(x @ W), (), {}, {}, {}, True))
    assert {y.fn for y in ir.expressions} == {"argument", "reshape", "matmul", "tanh"}
    assert sum(y.fn == "matmul" for y in ir.expressions) == 1
