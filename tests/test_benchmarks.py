"""The benchmarks: all contenders compute the same, what differs is refused, and the page says what was measured."""

import json
import os
import re
from dataclasses import asdict
from unittest.mock import patch
from xml.etree import ElementTree

import numpy as np
import pytest

from microgradrnn.loops import time_steps
from tests.witnesses import assert_close

with patch.dict(os.environ):  # benchmarks bind this process, and all that it starts, to one thread
    from benchmarks import chart, contenders, loops, networks, performance, scalar, workers
    from benchmarks.contenders import CONTENDERS, HAND, JAX, MYGRAD, ON_JAX, PROGRAM, PYTORCH, RECORDED
    from benchmarks.problems import Case, make_problem

SMALL = [
    Case(V=5, H=4, T=6),
    Case(V=5, H=4, T=6, N=3),
    Case(V=5, H=4, T=6, cell="lstm"),
    Case(V=5, H=4, T=6, N=3, cell="lstm"),
    Case(V=7, H=6, T=4, N=2, dtype="float32"),
    Case(V=7, H=6, T=4, N=2, dtype="float32", cell="lstm"),
]
PAIRS = [(name, case) for name in contenders.installed() for case in SMALL if CONTENDERS[name].fits(case)]
BY_HAND = CONTENDERS[HAND].make


@pytest.mark.parametrize(("name", "case"), PAIRS, ids=str)
def test_contenders_agree_with_numpy_by_hand(name, case):
    problem = make_problem(case)
    loss, grads = CONTENDERS[name].make(problem)()
    assert {grad.dtype for grad in grads.values()} == {np.dtype(case.dtype)}
    networks.agree(name, case, (loss, grads), BY_HAND(problem)())


@pytest.mark.parametrize("case", [case for case in SMALL if case.dtype == "float64"], ids=str)
def test_numpy_by_hand_agrees_with_central_differences(case):
    problem, nudge = make_problem(case), 1e-6
    _, grads = BY_HAND(problem)()
    for name, w in problem.weights.items():
        for index in np.ndindex(w.shape):
            kept = w[index]
            losses = []
            for w[index] in (kept + nudge, kept - nudge):
                losses.append(BY_HAND(problem)()[0])
            w[index] = kept
            assert_close(grads[name][index], (losses[0] - losses[1]) / (2 * nudge), tolerance=1e-7)


@pytest.mark.parametrize(("name", "case"), PAIRS, ids=str)
def test_a_second_pass_finds_the_same_as_the_first(name, case):
    step = CONTENDERS[name].make(make_problem(case))
    first, grads = step()
    grads = {weight: np.array(grad) for weight, grad in grads.items()}
    second, again = step()
    assert second == first
    for weight, grad in grads.items():
        np.testing.assert_array_equal(again[weight], grad)


@pytest.mark.parametrize("wrong", ["W_hh", "b_y", "the loss"])
def test_numbers_that_differ_are_refused(wrong):
    case = SMALL[0]
    loss, grads = BY_HAND(make_problem(case))()
    other = {name: grad * (1 + 1e-8 * (name == wrong)) for name, grad in grads.items()}
    with pytest.raises(AssertionError, match=f"autograd and NumPy by hand differ by 1e-08 in {wrong}"):
        networks.agree("autograd", case, (loss * (1 + 1e-8 * (wrong == "the loss")), other), (loss, grads))


def test_a_worker_finds_what_this_process_finds_and_tells_what_its_memory_grew_by():
    case = Case(V=65, H=100, T=2_000)
    with workers.Workers([HAND]) as asked:
        grown = asked.ask(HAND, workers.memory, case)
        loss, _ = asked.ask(HAND, workers.numbers, SMALL[0])
    assert loss == BY_HAND(make_problem(SMALL[0]))()[0]
    kept = case.T * (case.H + case.V) * 8  # every h_t and p_t, at least
    assert grown is None or kept < grown < 5 * kept


def test_the_scalar_engines_agree():
    found = {engine: scalar.prepare(engine)[1]() for engine in ("own-nn", "program")}
    (loss, grads), (program_loss, program_grads) = found["own-nn"], found["program"]
    assert_close(program_loss, loss)
    assert_close(np.array(program_grads), np.array(grads))


# ---- The page -------------------------------------------------------------------------------------------------------


def measured(case, **others):
    """The program takes a millisecond, NumPy by hand four, the recorded graph eight; others as told."""
    seconds = {PROGRAM: 0.001, HAND: 0.004, RECORDED: 0.008, **others}
    return {"case": asdict(case), "processor": seconds, "clock": {name: 2 * time for name, time in seconds.items()}}


@pytest.fixture
def figures():
    cases = {size: measured(case) for size, case in networks.SIZES.items()}
    cases["batch"] = measured(networks.BATCH, **{JAX: 0.0008, PYTORCH: 0.00098})
    growth = {axis: [measured(case) for case in grown] for axis, grown in networks.GROWTH.items()}
    growth["H"][-1]["processor"][JAX] = 0.0005
    learner, long, longest = (asdict(case) for case in (networks.LEARNER, networks.LONG, networks.LONGEST))
    return {
        "versions": {"Python": "3.11", "numpy": "2.0"},
        "seconds": 300.0,
        "scalar": {
            "seconds": {"micrograd": 0.1, "own-nn": 0.02, "program": 0.001},
            "seconds, gc off": {"micrograd": 0.012, "own-nn": 0.015, "program": 0.0005},
            "nodes": {"micrograd": 13_300, "own-nn": 7_000, "program": 7_000},
            "compile": 1.0,
        },
        "drawings": {"chain": 1.5},
        "networks": {
            "sizes": cases,
            "growth": growth,
            "compiled": [
                {"case": learner, "seconds": {PROGRAM: 0.1, JAX: 0.6}},
                {"case": long, "seconds": {PROGRAM: 2.0, JAX: 0.6}},
            ],
            "remembered": [{"case": longest, "bytes": {PROGRAM: 30e6, HAND: 20e6, MYGRAD: 90e6}}],
        },
    }


def test_the_table_holds_ratios_to_its_columns_base(figures):
    rows = {cells[1].strip(): cells[2:-1] for line in performance.table(figures) if (cells := line.split("|"))}
    assert [cell.strip() for cell in rows[PROGRAM]] == [
        *["**0.25**"] * 2,
        "0.25",
        *["**0.25**"] * 3,
        "**0.01**",
        "30",
        "0.10",
    ]
    assert {cell.strip() for cell in rows[HAND][:6]} == {"1 = 4.0 ms"}
    assert rows[JAX][2].strip() == "**0.20**"
    assert rows["micrograd"][6].strip() == "1 = 100 ms"
    assert rows[MYGRAD][0].strip() == "–"
    assert "autograd" not in rows


def test_what_our_program_on_jax_is_ahead_of_is_lost_by_the_other_one_alone(figures):
    figures["networks"]["sizes"]["batch"]["processor"][ON_JAX] = 0.0004  # JAX itself takes 0.0008
    figures["networks"]["growth"]["H"][-1]["processor"][ON_JAX] = 0.0007  # and 0.0005 here
    lost = "\n".join(performance.lost(figures))
    assert f"- **Beside the better of our two dialects**: {JAX} at 1 of 16 sizes (H=1,000 0.71)." in lost
    assert f"- **{JAX}**, at 2 of 16 sizes" in lost


def test_the_page_says_what_is_lost_and_leaves_out_what_is_level(figures):
    lost = "\n".join(performance.lost(figures))
    assert f"- **{JAX}**, at 2 of 16 sizes: batch (0.80), H=1,000 (0.50)." in lost
    assert f"**{PYTORCH}**" not in lost  # 2 percent
    assert f"- **Seconds to compile at T=1,000**: the program 2.0; {JAX} 0.60." in lost
    assert "to compile at T=25" not in lost
    assert f"- **MB at T=10,000**: the program 30; {HAND} 20." in lost
    assert "micrograd takes 12 ms for its MLP, the recorded graph 15 ms and the program 0.50 ms" in lost
    assert f"at the learner's size: {PROGRAM} (0.12), {HAND} (0.50)." in lost


def test_only_what_stands_between_the_marks_is_replaced(figures):
    page = "Above.\n" + "".join(
        f"<!-- {name} -->\nstale figures\n<!-- end of {name} -->\nText.\n" for name in performance.BLOCKS
    )
    filled = performance.filled(page, figures)
    assert "stale figures" not in filled
    assert filled.startswith("Above.\n<!-- ")
    assert filled.count("\nText.\n") == len(performance.BLOCKS)
    assert performance.filled(filled, figures) == filled
    with pytest.raises(ValueError, match="0 places for table"):
        performance.filled("no marks", figures)


def test_the_page_and_the_chart_are_those_of_the_figures_that_are_kept():
    figures = json.loads(performance.FIGURES.read_text(encoding="utf-8"))
    page = performance.PAGE.read_text(encoding="utf-8")
    assert performance.filled(page, figures) == page
    for target in re.findall(r"\]\((?!http)([^)]+)\)|src(?:set)?=\"([^\"]+)\"", page):
        assert (performance.DOCS / "".join(target)).exists(), target


def test_the_chart_is_drawn_for_light_and_dark(figures, tmp_path):
    chart.save(figures["networks"], tmp_path)
    light, dark = (tmp_path / "performance.svg", tmp_path / "performance-dark.svg")
    for path, theme in zip((light, dark), chart.THEMES.values(), strict=True):
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
        assert theme["paper"] in path.read_text(encoding="utf-8")
    again = light.read_bytes()
    chart.save(figures["networks"], tmp_path)
    assert light.read_bytes() == again


def test_every_contender_has_its_line_in_the_chart_but_min_char_rnn():
    assert set(CONTENDERS) - set(chart.LOOKS) == {contenders.MIN_CHAR_RNN}


def test_the_benchmark_of_loops_prints_a_line_a_graph(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["loops", "--nodes", "200", "--rounds", "1"])
    loops.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(loops.GRAPHS)
    assert all(re.search(r"( +[0-9.]+ s){3}$", line) for line in lines[1:])
    assert len(time_steps(loops.recurrence(200)).steps) == 40
    assert not time_steps(loops.other_weights(200)).loops
