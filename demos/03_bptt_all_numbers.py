"""Backpropagation through time with all its numbers: one hidden unit, three steps, L = L_1 + L_2 + L_3.

    python demos/03_bptt_all_numbers.py [--steps N] [--out FOLDER]

    z_t = w_xh x_t + w_hh h_(t-1) + b_h      h_t = tanh(z_t)      y_t = w_hy h_t + b_y      L_t = (y_t - target_t)^2

Everything is a single number, so each line of the derivation by hand can be checked with a pocket calculator: h_t gets
a gradient from its own loss and one from step t + 1, and a shared weight the sum of what the steps contribute. A page
shows the same step by step, with a guided first visit, and there any number can be changed. `main` returns what it
claims: the table by hand and the engine's gradients are the same numbers.
"""

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

from microgradrnn import Value, functional, scope
from microgradrnn.analysis import find_states, grad_by_time
from microgradrnn.engine import ancestors
from microgradrnn.viz import draw, page
from microgradrnn.viz.tour import Stop

WEIGHTS = {"w_xh": 0.5, "w_hh": 0.8, "b_h": 0.1, "w_hy": 1.5, "b_y": -0.2}
X, TARGETS = (1.0, -0.5, 0.25), (0.5, 0.0, 1.0)


@dataclass
class Result:
    """By hand and by the engine: dL/dw, dL/dh_t, and for w_hh each step's contribution. The picture, and the page."""

    by_hand: dict[str, float]
    by_engine: dict[str, float]
    dh_by_hand: dict[int, float]
    dh_by_engine: dict[int, float]
    w_hh_by_step: dict[int, float]
    written: Path
    page: Path


def main(steps=3, out="out"):
    x, targets = (list(numbers * steps)[:steps] for numbers in (X, TARGETS))
    hand, dh_hand = by_hand(x, targets)

    weights = {label: Value(number, label) for label, number in WEIGHTS.items()}
    L = record(weights, x, targets)
    L.backward()
    engine = {label: weight.grad for label, weight in weights.items()}
    dh_engine = {t: h.grad for t, h in find_states(L, "h").items()}
    contributions = grad_by_time(L, weights["w_hh"])

    print(f"\n{'':10}{'by hand':>12}{'engine':>12}")
    for label, number in hand.items():
        print(f"dL/d{label:6}{number:12.6f}{engine[label]:12.6f}")
    parts = " + ".join(f"{part + 0:.6f} (t={t})" for t, part in contributions.items())
    print(f"\ndL/dw_hh = {parts} = {sum(contributions.values()):.6f}")
    print("Step 1 contributes nothing, for w_hh was multiplied with h_0 = 0.")
    path = draw(L, max_nodes=300).save(Path(out) / "bptt_all_numbers.svg")
    made = page(L, Path(out) / "one_unit.html", tour=tour(L, weights["w_hh"], steps)).path
    print(
        f"\nWritten:\n  {made}: open this one: a guided visit, and w_hh as a slider"
        f"\n  {path}: the same, a column a step; each arrow has its contribution on it"
    )
    return Result(hand, engine, dh_hand, dh_engine, contributions, path, made)


def by_hand(x, targets):
    """Forward, then back from the last step: dL/dw for every weight, and dL/dh_t for every t."""
    w, h = WEIGHTS, {0: 0.0}
    dy = {}
    print(f"{'t':>4}{'x_t':>10}{'z_t':>10}{'h_t':>10}{'y_t':>10}{'target':>10}{'L_t':>10}{'dL/dy_t':>10}")
    for t, (x_t, target) in enumerate(zip(x, targets, strict=True), start=1):
        z = w["w_xh"] * x_t + w["w_hh"] * h[t - 1] + w["b_h"]
        h[t] = math.tanh(z)
        y = w["w_hy"] * h[t] + w["b_y"]
        dy[t] = 2 * (y - target)
        print(f"{t:4}" + "".join(f"{n:10.4f}" for n in (x_t, z, h[t], y, target, (y - target) ** 2, dy[t])))

    dw, dh, dh_next = dict.fromkeys(w, 0.0), {}, 0.0
    print(
        f"\n{'t':>4}{'from L_t':>12}{'from t+1':>12}{'dL/dh_t':>12}{'1 - h_t^2':>12}{'dL/dz_t':>12}{'to h_(t-1)':>12}"
    )
    for t in range(len(x), 0, -1):
        own = dy[t] * w["w_hy"]
        dh[t] = own + dh_next  # h_t was copied: into y_t, and into step t + 1
        slope = 1 - h[t] ** 2
        dz = dh[t] * slope
        dw["w_xh"] += dz * x[t - 1]  # shared weights: the gradients of the steps add up
        dw["w_hh"] += dz * h[t - 1]
        dw["b_h"] += dz
        dw["w_hy"] += dy[t] * h[t]
        dw["b_y"] += dy[t]
        before = dz * w["w_hh"]
        print(f"{t:4}" + "".join(f"{n:12.6f}" for n in (own, dh_next, dh[t], slope, dz, before)))
        dh_next = before
    return dw, dh


def record(w, x, targets):
    """The same equations on nodes; the engine keeps what is needed for the way back."""
    h, losses = given(0.0, "h_0"), []
    for t, (x_t, target) in enumerate(zip(x, targets, strict=True), start=1):
        with scope("cell", t=t):
            z = functional.add_n([w["w_xh"] * given(x_t, f"x_{t}"), w["w_hh"] * h, w["b_h"]])
            h = z.tanh()
            y = w["w_hy"] * h + w["b_y"]
            losses.append((y - given(target, f"target_{t}")) ** 2)
            z.label, h.label, y.label, losses[-1].label = f"z_{t}", f"h_{t}", f"y_{t}", f"L_{t}"
    L = functional.add_n(losses)
    L.label = "L"
    return L


def tour(L, w_hh, steps):
    """A first visit of a minute: forward, back, why a weight's gradient is a sum, and what w_hh does to it."""
    named = {node.label: node for node in ancestors(L)}
    start = [
        Stop(
            f"This network reads one number a step, x_1 to x_{steps}. It has one hidden unit, h, which the next step "
            "reads too. All steps use the same five weights."
        ),
        Stop("Forward: h_1 is computed from x_1 and from h_0, which is 0. Step 2 reads h_1.", named["h_1"]),
        Stop("At the end of the forward pass stands one number, the loss L: how wrong all outputs are together.", L),
        Stop(
            "Backward: if a number changes a little, how much does L change? That is the number's gradient. At L "
            "itself it is 1.",
            L,
            back=True,
        ),
    ]
    if steps == 1:
        return start
    before = steps - 1
    through_time = [
        Stop(
            f"L depends on h_{before} in two ways: through its own output, and through step {steps}. Each way "
            "brings a gradient, and the two add up.",
            named[f"h_{before}"],
            back=True,
        ),
        Stop(
            f"From h_{steps} back to h_{before} a gradient is multiplied by the slope of tanh, which is at most 1, "
            "and by w_hh. So it is at every step.",
            w_hh_times(named[f"z_{steps}"], w_hh),
            back=True,
        ),
        Stop(
            "All steps use the same w_hh, so each contributes to its gradient, and that is the sum. Step 1 "
            "contributes 0, because h_0 is 0.",
            w_hh,
            back=True,
        ),
        Stop(
            "Now change w_hh with the slider: to 0.1, to 1.5. What comes back from step 2 to h_1 is multiplied by "
            "w_hh: with 0.1 a tenth of it arrives, with 1.5 it grows. So over many steps gradients vanish, or explode.",
            named["h_1"],
            back=True,
            change="w_hh",
        ),
    ]
    return start + through_time


def w_hh_times(z, w_hh):
    """The product with w_hh among what a z_t adds up."""
    return next(x for x in z.inputs if w_hh in x.inputs)


def given(number, label):
    """A number that nobody asks for the gradient of."""
    return Value(number, label, requires_grad=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=3, help="how many time steps")
    parser.add_argument("--out", default="out", help="the folder to write to")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(errors="replace")  # a console without some character still shows the numbers
    main(arguments.steps, arguments.out)
