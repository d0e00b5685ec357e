"""A diagnosis in words: what was found, what was measured, what it implies and what not, what to try, and how the
numbers are computed. `report` is all of it in lines of at most 80 columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from microgradrnn.counting import counted
from microgradrnn.diagnosis import Diagnosis, Finding, Measured

from ..numbers import number
from .advice import advice
from .lines import filled, percent, section, short, table, tries


def report(found: Diagnosis) -> str:
    """The whole report."""
    parts = [
        _findings(found),
        _way_back(found),
        section("Measured in each layer", [line for m in found.layers for line in _layer(m, found)]),
        section("Measured in the whole", list(_whole(found))),
        section("What the numbers imply, and what not", list(_implied(found))),
        section("What to try, the most promising first", _tries(found)),
        section("Not judged", list(_not_judged(found))),
        section("How the numbers are computed", list(_how(found))),
    ]
    return "\n\n".join(part for part in parts if part)


def sentence(finding: Finding, layers: Sequence[Measured]) -> str:
    """A fault in one sentence."""
    numbers = finding.numbers
    where = f" in {finding.layer}" if finding.layer else ""
    m = next((m for m in layers if m.name == finding.layer), None)
    match finding.fault:
        case "vanishing" if m is not None:
            return (
                f"The gradient vanishes{where}: of what {_source(m)}, "
                f"{percent(numbers['share'])} reaches step {m.times[0]}{_because(finding, m)}."
            )
        case "exploding" if m is not None:
            return (
                f"The gradient explodes{where}: what {_source(m)} is "
                f"{number(numbers['share'])} times as large at step {m.times[0]}."
            )
        case "saturated":
            causes = {"inputs": ": the inputs drive them", "weight": ": the state before drives them"}
            why = causes.get(next(iter(finding.causes), ""), "")
            return f"Tanh units are saturated{where}: {percent(numbers['share'])} of their values{why}."
        case "dead":
            return f"Relu units are dead{where}: {percent(numbers['share'])} of them are 0 at every step."
        case "gradients added up":
            return (
                f"The gradients that the parameters hold are {number(numbers['held'])} times as large as this loss's: "
                "they add up over updates."
            )
        case "unread sequences":
            return f"The loss reads {numbers['read']} of {counted(numbers['of'], 'sequence')} that stand side by side."
        case "cut" if not numbers["times"]:
            return f"The chain is cut{where}: the loss depends on one step, whose state before was detached."
        case "cut":
            at = _steps(numbers["times"])
            return f"The chain is cut{where}: the state that is read at {at} was detached from its past."
        case "frozen weight":
            why = "was not given to the optimiser" if "optimizer" in finding.causes else "gets no gradient"
            return f"The recurrent weight is frozen{where}: {m.weight if m else ''} {why}."
        case "frozen state" if "enter" in numbers:
            return f"The state stands still{where}: the gate on what is new is {number(numbers['enter'])} in the mean."
        case "frozen state":
            return f"The state stands still{where}: it changes by {percent(numbers['motion'])} of its size a step."
        case "rate too large":
            said = []
            if "update" in numbers:
                said.append(f"the next step changes {numbers['weight']} by {number(numbers['update'])} times its norm")
            if "growth" in numbers:
                said.append(f"the loss has grown to {number(numbers['growth'])} times its lowest")
            return f"The rate is too large: {', and '.join(said)}."
        case "copied targets" if numbers["lag"]:
            return (
                "The target of every step is the input of the step before. If the next one is to be predicted, inputs "
                "and targets are swapped."
            )
        case "copied targets":
            return "The target of every step is that step's own input, so nothing has to be remembered."
        case _ if finding.causes:
            return f"An earlier update has broken a weight: {numbers['node']}."
        case _:
            return f"A number that is not finite came up in the {numbers['pass']} pass, in {numbers['node']}."


def _source(m: Measured) -> str:
    if m.through:
        return f"arrives at step {m.loss_at} through another layer"
    return f"the loss at step {m.loss_at} sends back"


def _because(finding: Finding, m: Measured) -> str:
    said = {
        "dead": lambda: f"{percent(m.dead or 0)} of the units are dead",
        "saturated": lambda: f"{percent(m.saturated.get('tanh', 0))} of the tanh values are saturated",
        "gate": lambda: f"the gate that keeps the state is {number(m.keep or 0)} in the mean",
        "weight": lambda: f"the largest singular value of {m.weight} is {number(max(m.norms))}",
        "long": lambda: f"{counted(m.distance or 0, 'step')} back at a factor of {number(m.factor or 0)} each",
    }
    reasons = [said[cause]() for cause in finding.causes]
    return f" ({'; '.join(reasons)})" if reasons else ""


def _findings(found: Diagnosis) -> str:
    name = f"Diagnosis at a loss of {number(found.loss)}"
    if found.healthy:
        return filled(f"{name}: healthy. No measured number is beyond its limit.")
    count = len(found.findings)
    lines = [f"{name}: {count} fault{'s' if count > 1 else ''}"]
    lines += [filled(sentence(f, found.layers), f"  {k}. ") for k, f in enumerate(found.findings, start=1)]
    return "\n".join(lines)


def _way_back(found: Diagnosis) -> str:
    rows = [("layer", "from step", "first", "share left", "a step", "largest change of one step")]
    for m in found.layers:
        if m.share is None:
            rows.append((short(m.name), "–", str(m.times[0]), "–", "–", "no gradient arrives later"))
            continue
        into = f"into step {m.steepest[0]}: × {number(m.steepest[1])}" if m.steepest else "–"
        factor = f"× {number(m.factor or 0)}"
        rows.append((short(m.name), str(m.loss_at), str(m.times[0]), percent(m.share), factor, into))
    return section("The gradient on its way back to the first step", table(rows))


def _layer(m: Measured, found: Diagnosis) -> Iterator[str]:
    yield f"{m.name}: {counted(m.hidden, 'unit')}, {counted(len(m.times), 'step')}, {m.weight}"
    if m.saturated:
        gate = found.thresholds.gate
        limits = {"tanh": f"|tanh| > {found.thresholds.tanh:g}", "gates": f"gates < {gate:g} or > {1 - gate:g}"}
        yield "  saturated: " + ", ".join(f"{percent(x)} ({limits[name]})" for name, x in m.saturated.items())
    if m.read_size:
        yield f"  before the nonlinearity: inputs {number(m.read_size[0])}, state {number(m.read_size[1])} (r.m.s.)"
    if m.norms:
        radius = "" if m.radius is None else f", spectral radius {number(m.radius)}"
        yield f"  {m.weight}: largest singular value {', '.join(map(number, m.norms))}{radius}"
    if m.jacobian_norm is not None and m.jacobian_radius is not None:
        yield (
            f"  Jacobian of a step: largest singular value {number(m.jacobian_norm)}, "
            f"spectral radius {number(m.jacobian_radius)}"
        )
    if m.keep is not None and m.half_life is not None and m.enter is not None:
        yield f"  gate that keeps the state: mean {number(m.keep)}, half-life {number(m.half_life)} steps"
        yield f"  gate on what is new: mean {number(m.enter)}"
    if m.dead is not None:
        yield f"  dead relu units: {percent(m.dead)}"
    if m.motion is not None:
        yield f"  the state changes from step to step by {percent(m.motion)} of its size"
    if m.zeros:
        yield f"  the gradient is exactly 0 at {_steps(m.zeros)}"


def _whole(found: Diagnosis) -> Iterator[str]:
    yield f"norm of the gradient of all leaves: {number(found.grad_norm)}"
    if found.updates:
        name, ratio = max(found.updates.items(), key=lambda item: item[1])
        yield f"next step over weight, largest: {number(ratio)} ({name})"
    if found.growth is not None:
        yield f"mean loss of the last quarter over the least of a quarter before: {number(found.growth)}"
    if found.copied is not None:
        yield f"targets that equal the input of their step: {percent(found.copied)}"
    if found.late is not None:
        yield f"targets that equal the input of the step before: {percent(found.late)}"


def _implied(found: Diagnosis) -> Iterator[str]:
    for m in found.layers:
        if m.horizon is not None and m.horizon < len(m.times):
            read = "" if 2 * m.losses < len(m.times) else f" {_mostly(m)}, so it may do; the task knows."
            yield (
                f"{m.name}: after {number(round(m.horizon, 1))} steps back 1% of a gradient is left. What lies further "
                f"back can hardly be learnt from now.{read}"
            )
    for m in found.layers:
        if m.radius is not None and m.kind == "rnn":
            yield _of_weight(m)
        if m.jacobian_norm is not None:
            yield _of_jacobian(m, m.jacobian_norm)
        if m.keep is not None and m.half_life is not None:
            yield (
                f"{m.name}: along the kept part of the state alone, half of a gradient is left after "
                f"{number(m.half_life)} steps. More may pass through the other gates, and single units may keep longer "
                "than the mean."
            )


def _mostly(m: Measured) -> str:
    return "Most steps are read by another layer" if m.through else "Most steps have a loss"


def _of_weight(m: Measured) -> str:
    size = m.norms[0]
    if size < 1:
        return (
            f"{m.name}: the largest singular value of {m.weight} is below 1, so with tanh, relu or no nonlinearity "
            f"every step multiplies a gradient's norm by {number(size)} at most. This suffices to vanish; it is not "
            "necessary."
        )
    return (
        f"{m.name}: the largest singular value of {m.weight} is 1 or more: a step may make the gradient longer. This "
        "is necessary to explode, not sufficient, and does not rule out vanishing."
    )


def _of_jacobian(m: Measured, size: float) -> str:
    if size < 1:
        return f"{m.name}: the step Jacobians that were measured shrink every gradient, in the mean."
    return (
        f"{m.name}: the step Jacobians stretch some direction by {number(size)} in the mean. It does not say that the "
        "gradient lies along it: the share above says what happened to this one."
    )


def _tries(found: Diagnosis) -> list[str]:
    return tries(advice(found.findings, found.layers, found.grad_norm, found.clip_at))


def _not_judged(found: Diagnosis) -> Iterator[str]:
    said = {
        "optimizer": "The rate against the weights: hand in optimizer=, of PyTorch or microgradrnn.",
        "history": "Whether the loss falls: hand in history=, at least 4 losses or rows with a 'loss'.",
        "targets": "Whether targets are copies of the inputs: none of the inputs' form stand in the graph.",
        "reach": "How much reaches the first step, in layers where no gradient arrives at a later step.",
    }
    yield from (said[name] for name in found.unjudged)
    for m in found.layers:
        if m.carried_in:
            yield (
                f"Whether {m.name} was cut before step {m.times[0]} by mistake, or its first state carried over on "
                "purpose: it is data that is not zero, and has no past."
            )
    if any(m.jacobian_norm is None for m in found.layers):
        yield (
            f"Step Jacobians of some layers: they are taken of up to {found.thresholds.units} units, of states of "
            "shape (N, H) or (H,), where a step was recorded whole."
        )


def _how(found: Diagnosis) -> Iterator[str]:
    limits = found.thresholds
    yield (
        "Share left: a backward pass that starts from what the loss reads at one step k alone, or a decoder or another "
        "layer that runs later; ‖dL_k/dh‖ at the first "
        f"step over that at step k, the norm over all units and sequences. Of up to {limits.sources} steps k; of those "
        "in the farther half the largest share counts. "
        f"Below {percent(limits.vanishing)} it vanishes, above × {limits.exploding:g} it explodes. Where half of the "
        f"steps or more have a loss it vanishes only if, besides, 1% is left after less than {limits.horizon:g} steps."
    )
    yield (
        f"Jacobians: d(state)/d(state before), the whole state, of up to {limits.jacobians} steps and 4 sequences; "
        "geometric means. Half-life: ln 0.5 / ln(mean gate). "
        f"Saturated is a fault above {percent(limits.saturated)} of tanh values, dead above {percent(limits.dead)}. "
        f"A rate is too large where a step is above {limits.update:g} times the weight's norm, or the mean of the last "
        f"quarter of losses above {limits.growth:g} times the least of a quarter before."
    )
    yield "All limits can be set: thresholds=Thresholds(...), from microgradrnn.diagnosis."


def _steps(times: list[int]) -> str:
    shown = ", ".join(map(str, sorted(times)[:8])) + (", …" if len(times) > 8 else "")
    return f"step{'s' if len(times) > 1 else ''} {shown}"
