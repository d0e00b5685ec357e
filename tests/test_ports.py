"""Five networks and six schedules written as PyTorch's users write them, with PyTorch's own numbers.

The networks are in `tests.torch_numbers.ports`; what PyTorch gives for the very same lines `tests.torch_numbers.make`
has put into a file, so this needs no PyTorch.
"""

import json

import numpy as np
import pytest

import microgradrnn
from microgradrnn import Tensor, interop, no_grad, optim
from microgradrnn.optim import lr_scheduler
from tests.test_torch_numbers import close, name_of
from tests.torch_numbers import make, ports

KEPT = json.loads(make.FILE.read_text(encoding="utf-8"))
every_port = pytest.mark.parametrize("case", KEPT["ports"], ids=lambda case: case["name"])


def load(model, weights):
    """Through interop, where every weight has a counterpart; parameters of the user's own have the same names."""
    arrays = {name: np.array(weight) for name, weight in weights.items()}
    try:
        interop.from_torch(model, arrays)
    except TypeError:
        model.load_state_dict(arrays)


def gradients(model):
    """By PyTorch's names and in its layout."""
    with no_grad():
        for p in model.parameters():
            p.copy_(p.grad)
    try:
        return interop.to_torch(model)
    except TypeError:
        return model.state_dict()


def recorded(case):
    model = ports.NETWORKS[case["name"]](ports.ours())
    load(model, case["weights"])
    inputs = [Tensor(np.array(array)) for array in case["inputs"]]
    return model, model(*inputs)


def test_all_five_are_there():
    assert [case["name"] for case in KEPT["ports"]] == list(ports.NETWORKS)


@every_port
def test_loss_and_all_gradients_of_a_port_are_pytorchs(case):
    model, loss = recorded(case)
    close(loss.item(), case["loss"])
    loss.backward()
    found = gradients(model)
    assert found.keys() == case["weights' gradients"].keys()
    for name, gradient in found.items():
        if "bias_hh" not in name:  # of an LSTM's two biases, which get the same gradient, ours is the first
            close(gradient, case["weights' gradients"][name])


@every_port
def test_the_program_of_a_port_gives_the_same(case):
    _, loss = recorded(case)
    loss.backward()
    program = microgradrnn.compile(loss)
    value, grads = program()
    close(value, case["loss"])
    for name, p in program.parameters.items():
        np.testing.assert_allclose(grads[name], p.grad, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("case", KEPT["schedulers"], ids=name_of)
def test_a_scheduler_gives_pytorchs_rates_over_50_steps(case):
    optimizer = optim.SGD([Tensor([0.0])], lr=case["lr"])
    arguments = case["arguments"]
    given = {"lr_lambda": lambda k: arguments["base"] ** k} if case["name"] == "LambdaLR" else arguments

    def make_one(optimizer):
        return getattr(lr_scheduler, case["name"])(optimizer, **given)

    schedule, rates = make_one(optimizer), []
    for k in range(make.RATES):
        rates.append(optimizer.lr)
        assert schedule.get_last_lr() == [optimizer.lr]
        optimizer.step()
        schedule.step()
        if k == 20:  # stop, and go on with another one
            state = json.loads(json.dumps(schedule.state_dict()))
            optimizer = optim.SGD([Tensor([0.0])], lr=7.0)
            schedule = make_one(optimizer)
            schedule.load_state_dict(state)
    np.testing.assert_allclose(rates, case["rates"], rtol=1e-12, atol=1e-16)


def test_what_is_wrong_with_a_schedule_is_said():
    optimizer = optim.SGD([Tensor([0.0])], lr=0.5)
    for wrong, message in [
        (lambda: lr_scheduler.StepLR(optimizer, 0), "StepLR: step_size is a positive integer"),
        (lambda: lr_scheduler.CosineAnnealingLR(optimizer, 10, eta_min=-1.0), "CosineAnnealingLR: eta_min"),
        (lambda: lr_scheduler.LambdaLR(optimizer, 0.5), "LambdaLR: lr_lambda is a function"),
        (lambda: lr_scheduler.LinearLR(0.5), "LinearLR takes an optimiser"),
    ]:
        with pytest.raises((TypeError, ValueError), match=message):
            wrong()
    schedule = lr_scheduler.StepLR(optimizer, 2)
    with pytest.raises(ValueError, match="last_epoch"):
        schedule.load_state_dict({"base_lr": 1.0, "last_epoch": -1})
    assert (optimizer.lr, schedule.last_epoch) == (0.5, 0)
