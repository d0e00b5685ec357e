"""The witnesses are tested themselves: each entry of the op table is made wrong in turn, and must be caught."""

from dataclasses import replace

import pytest

from microgradrnn.gradcheck import GradcheckError
from microgradrnn.ops import OPS, EachInput
from tests import witnesses
from tests.op_cases import Call, example


def every_slot(of_kind):
    """Run a test for each op that ``of_kind`` holds of, and each input of it that a gradient flows to."""
    rules = [
        pytest.param(op, slot, id=f"{op.name}-{slot}")
        for op in filter(of_kind, OPS.values())
        for slot, array in enumerate(example(op).arrays)
        if array.dtype.kind == "f"
    ]
    return pytest.mark.parametrize(("op", "slot"), rules)


every_rule = every_slot(lambda op: True)
every_elementwise_rule = every_slot(lambda op: op.local is not None)
every_structural_rule = every_slot(lambda op: op.push is not None)


def scaled(rule, factor):
    """A local gradient times a factor; one that is 0 throughout is moved away from it."""
    if not callable(rule):
        return factor * rule if rule else factor - 1.0
    return lambda *args: factor * rule(*args)


def scaled_map(rule, factor):
    """A pull or push, which is linear, of its upstream or tangent times a factor."""
    return lambda xp, u, *args, **params: rule(xp, factor * u, *args, **params)


def mutant(op, field, slot, factor):
    """``op`` with one of its rules scaled, and nothing else touched."""
    scale = scaled if field == "local" else scaled_map
    rules = getattr(op, field)
    changed = EachInput(lambda i: scale(rules[i], factor) if i == slot else rules[i])
    if not op.any_number:
        changed = [changed[i] for i in range(len(rules))]
    return replace(op, **{field: changed})


def example_of(op, mutated):
    return Call(mutated, example(op).arrays, example(op).params)


def reverse_rule(op):
    return "local" if op.local is not None else "pull"


@every_rule
def test_the_examples_pass_unmutated(op, slot):
    """Else a mutant that fails would prove nothing: a factor of 1 goes through the same machinery."""
    witnesses.differences_agree(example_of(op, mutant(op, reverse_rule(op), slot, factor=1.0)))


@every_rule
@pytest.mark.parametrize("factor", [-1.0, 2.001, 1.0001])
def test_differences_catch_a_local_gradient_of_another_sign_or_size(op, slot, factor):
    mutated = mutant(op, reverse_rule(op), slot, factor)
    with pytest.raises(GradcheckError):
        witnesses.differences_agree(example_of(op, mutated))


@every_structural_rule
@pytest.mark.parametrize("field", ["pull", "push"])
def test_the_adjoint_identity_catches_a_sign_in_one_direction(op, slot, field):
    with pytest.raises(AssertionError):
        witnesses.push_is_the_adjoint_of_pull(example_of(op, mutant(op, field, slot, factor=-1.0)))


@every_structural_rule
def test_the_scalar_graph_catches_a_sign(op, slot):
    with pytest.raises(AssertionError):
        witnesses.scalar_graph_agrees(example_of(op, mutant(op, "pull", slot, factor=-1.0)))


@every_elementwise_rule
def test_differences_catch_a_rule_that_lost_its_input(op, slot):
    """The gradient of a forgotten edge is 0."""
    with pytest.raises(GradcheckError):
        witnesses.differences_agree(example_of(op, mutant(op, "local", slot, factor=0.0)))
