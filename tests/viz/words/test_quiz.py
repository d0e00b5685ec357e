"""The quiz: right answers are right, wrong ones are told apart, and no way to the right number is called a mistake."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Parameter, Tensor, Value, functional
from tests.op_cases import every_op, example
from tests.viz.networks import rnn_loss
from viz.numbers import number
from viz.passes import whole
from viz.words.quiz import ENTRIES, SAME, TOLERANCE, Score, close, judge, questions
from viz.words.visits import Words


def ask(root, visit=0):
    run = whole(root)
    return questions(run.visits[visit], Words(run).visit(visit + 1))


@pytest.fixture
def times():
    """f = a * b at a = 2, b = −5: to a goes −5, to b goes 2."""
    return ask(3 * (Value(2.0, "a") * Value(-5.0, "b")), visit=1)


def test_each_edge_is_asked_for(times):
    assert [(question.to, question.answer) for question in times] == [("a", -15.0), ("b", 6.0)]


@pytest.mark.parametrize("text", ["-15", "−15", "3 * -5", "3 × (−5)", "-1.5e1", "-14.9", " - 15.0 ", "3*(-10/2)"])
def test_numbers_and_arithmetic_are_taken(times, text):
    assert judge(times[0], text).right


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-5", "local alone"),
        ("3", "upstream as it came"),
        ("15", "sign"),
        ("6", "upstream times a itself"),
        ("-2", "upstream plus local"),
        ("-10", "the value of a * b"),
        ("-14", "more than 1% off"),
        ("100", "local is b"),
    ],
)
def test_a_mistake_is_named(times, text, said):
    verdict = judge(times[0], text)
    assert not verdict.right
    assert verdict.counts
    assert said in verdict.said


def test_a_hint_is_in_the_names_of_the_nodes():
    W = Parameter([[1.0, 10.0], [100.0, 4.0]], "W")
    question = ask((Tensor([1.0, 2.0], "x") @ W).sum(), visit=1)[0]
    assert judge(question, "77").said == "77 is not it; asked is W @ upstream"


def test_the_slope_taken_at_the_input_is_named():
    x = Value(0.8, "x")
    (question,) = ask(x.tanh())
    assert judge(question, "1 - tanh(0.8)^2").right
    assert "the input's value" in judge(question, "1 - 0.8^2").said


def test_forgetting_to_add_is_named():
    x = Tensor([1.0, 2.0], "x")
    W = Parameter([[1.0, 10.0], [100.0, 4.0]], "W")
    question = next(q for q in ask((x @ W).sum(), visit=1) if q.to == "x")
    assert (question.index, question.answer) == ((0,), 11.0)
    assert "one product alone" in judge(question, "10").said
    assert "one product alone" in judge(question, "1").said


def test_the_sum_so_far_is_not_what_one_edge_adds():
    x = Value(3.0, "x")
    later = ask(2 * (x * x), visit=1)[1]
    assert not later.asks_sum
    assert later.answer == 6.0
    assert "all that x has got" in judge(later, "12").said


@pytest.mark.parametrize("text", ["", "15+", "fifteen", "[1, 2]", "1/0", "(", "-15 5"])
def test_what_cannot_be_read_costs_nothing(times, text):
    verdict = judge(times[0], text)
    assert (verdict.right, verdict.counts) == (False, False)
    assert Score().after(verdict) == Score()


def test_the_place_of_what_cannot_be_read_is_said(times):
    assert "character 4" in judge(times[0], "15 x").said


def test_the_score_counts_answers():
    (question, _) = ask(Value(2.0) * Value(5.0))
    score = Score().after(judge(question, "5")).after(judge(question, "2")).after(judge(question, "?"))
    assert (score.asked, score.right) == (2, 1)


@given(st.floats(-1e300, 1e300).filter(bool))
def test_zero_is_no_answer_to_a_number_that_is_not_zero(right):
    assert not close(0.0, right)
    assert close(right, right)


def test_zero_is_the_answer_where_a_gradient_stops():
    (question,) = ask(Value(-1.0, "x").relu())
    assert judge(question, "0").right
    assert not judge(question, "1").right


@given(st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-6), st.floats(-0.1, 0.1))
def test_the_tolerance_is_one_percent(right, off):
    if abs(abs(off) - TOLERANCE) > 1e-9:
        assert close(right * (1 + off), right) == (abs(off) < TOLERANCE)


def every_question(root, grad):
    run = whole(root, grad)
    words = Words(run)
    return [question for i, visit in enumerate(run.visits, start=1) for question in questions(visit, words.visit(i))]


@every_op
def test_of_every_op_the_right_answer_is_right_and_each_mistake_is_one(op):
    call = example(op)
    root = call.apply(*call.leaves())
    upstream = np.random.default_rng(3).uniform(0.5, 2.0, root.shape)
    asked = every_question(root, upstream)
    assert asked
    for question in asked:
        assert judge(question, number(question.answer)).right
        assert question.asks_sum or question.answer == question.entry.total
        for wrong, said in question.mistakes:
            assert not close(wrong, question.answer)
            verdict = judge(question, repr(wrong))
            assert (verdict.right, verdict.said) == (False, said)


def test_the_answer_can_be_had_from_the_digits_on_the_screen():
    """Upstream and local rounded as they are shown, multiplied and added up."""
    asked = every_question(rnn_loss(4, batch=2), None)
    sums = 0
    for question in asked:
        if question.asks_sum:
            continue
        terms = question.entry.terms
        sums += len(terms) > 1
        shown = sum(float(f"{term.upstream:.4g}") * float(f"{term.local:.4g}") for term in terms)
        assert judge(question, repr(shown)).right
    assert sums > 10


def test_what_cancels_is_not_asked():
    x = Tensor([1.0], "x")
    W = Tensor([[1.0, -0.9999]], requires_grad=False)
    assert [q.to for q in ask((x @ W).sum(), visit=1)] == []


def test_a_sum_of_many_does_not_ask_for_each():
    values = [Value(float(i), f"x_{i}") for i in range(20)]
    assert len(ask(functional.add_n(values))) == SAME


def test_of_an_array_the_largest_entries_are_asked_for():
    x = Tensor([0.1, 3.0, -5.0, 0.2], "x")
    asked = ask((x * x).sum(), visit=1)
    by_edge = {slot: [q.index for q in asked if q.slot == slot and not q.asks_sum] for slot in (0, 1)}
    assert by_edge == {0: [(2,), (1,)], 1: [(2,), (1,)]}
    assert all(len(indices) <= ENTRIES for indices in by_edge.values())


def test_entries_that_get_nothing_are_asked_for_only_if_all_get_nothing():
    assert [q.index for q in ask(Tensor([-1.0, 3.0, -2.0], "x").relu().sum(), visit=1)] == [(1,)]
    assert [q.answer for q in ask(Tensor([-1.0, -3.0, -2.0], "x").relu().sum(), visit=1)] == [0.0]


def test_a_grad_is_asked_for_once_the_last_contribution_is_in():
    w = Value(3.0, "w")
    loss = w * 2 + w * w
    asked = [[q for q in ask(loss, visit=k) if q.asks_sum] for k in range(len(whole(loss).visits))]
    (question,) = [q for found in asked for q in found]
    assert question.prompt == "All 3 contributions are in: what is the grad of w?"
    assert question.answer == 8.0  # 2 + 2 w
    assert judge(question, "5 + 3").right
    assert "what w had got before has to be added" in judge(question, str(question.entry.total)).said
    assert "not averaged" in judge(question, "8/3").said
    assert "missing" in judge(question, str(8.0 - question.entry.total)).said
    assert not judge(question, "1").right


def test_questions_say_how_hard_they_are():
    x, W = Tensor([[0.5, 2.0]], "x"), Parameter([[1.0, 2.0], [3.0, 4.0]], "W")
    loss = functional.cross_entropy(((x @ W).tanh() + 1.0) * 2.0, [0])
    hard = {q.rule.split(":")[0]: q.level for q in every_question(loss, None) if not q.asks_sum}
    assert hard["distributes"] == 1 < hard["swaps"] < hard["squashes"] < hard["competes"]


def test_an_input_that_stands_twice_is_told_apart_in_the_question():
    x = Value(3.0, "x")
    first, second, _ = ask(x * x)
    assert "input 1 of 2" in first.prompt
    assert "input 2 of 2" in second.prompt


def test_a_leaf_has_nothing_to_ask():
    assert ask(Value(2.0, "a").exp(), visit=1) == ()


def test_gradients_that_are_not_finite_are_not_asked():
    with np.errstate(all="ignore"):
        assert ask(Value(0.0, "x").sqrt()) == ()
