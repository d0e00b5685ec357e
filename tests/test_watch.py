"""`Watch`: the training that it watches goes on bit for bit; what it says against closed forms and real steps."""

import json
import math

import numpy as np
import pytest

import viz
from microgradrnn import Parameter, nn, optim
from microgradrnn.diagnosis import diagnose
from microgradrnn.diagnosis.steps import updates
from microgradrnn.training import Settings, Trainer

TEXT = "she sells sea shells by the sea shore. " * 6
SMALL = {"hidden": 6, "layers": 1, "seq_length": 7, "batch_size": 2, "epochs": 2}


def linear(factor, steps=11):
    rnn = nn.RNN(1, 1, nonlinearity="identity", seed=0)
    rnn.cells[0][0].W_hh.data = np.array([[factor]])
    return rnn(np.ones((steps, 1, 1)))[0][-1].sum()


def watched(*factors, every=1):
    watch = viz.Watch(every=every)
    for factor in factors:
        watch(linear(factor))
    return watch


@pytest.mark.parametrize("more", [{}, {"dropout": 0.4, "layers": 2}, {"compiled": False}, {"optimizer": "adamw"}])
def test_a_trainer_goes_on_bit_for_bit(more):
    settings = Settings(**{**SMALL, **more})
    plain, observed = Trainer(settings, TEXT), Trainer(settings, TEXT)
    watch = viz.Watch(every=3)
    observed.callbacks.append(watch)
    assert [p.step for p in plain.steps()] == [p.step for p in observed.steps()]
    assert [row["update"] for row in watch.history] == list(range(0, plain.position.step, 3))
    for name, array in plain.model.state_dict().items():
        np.testing.assert_array_equal(observed.model.state_dict()[name], array)
    for name, array in plain.optimizer.state_dict().items():
        np.testing.assert_array_equal(observed.optimizer.state_dict()[name], array)
    assert plain.rng.bit_generator.state == observed.rng.bit_generator.state
    assert plain.position.smooth_loss == observed.position.smooth_loss


def test_a_trainers_recorded_loss_is_that_of_the_step_with_its_dropout():
    trainer = Trainer(Settings(**SMALL, dropout=0.5, compiled=False), TEXT)
    found = []
    trainer.callbacks.append(lambda t: found.append((t.recorded_loss(), [p.grad for p in t.model.parameters()])))
    next(trainer.steps())
    [(loss, clipped)] = found
    for p in trainer.model.parameters():
        p.zero_grad()
    loss.backward()
    for p, grad in zip(trainer.model.parameters(), clipped, strict=True):
        np.testing.assert_array_equal(p.grad, grad)  # below 5, so that nothing was clipped


def test_a_trainers_row_holds_the_step_that_it_made():
    trainer, watch = Trainer(Settings(**SMALL, optimizer="sgd", clip=1e-3), TEXT), viz.Watch(every=1)
    trainer.callbacks.append(watch)
    before = {p.label: np.array(p.data, dtype=float) for p in trainer.model.parameters()}
    next(trainer.steps())
    for p in trainer.model.parameters():
        if p.ndim == 2:
            made = np.linalg.norm(p.data - before[p.label]) / np.linalg.norm(before[p.label])
            assert watch.history[0]["updates"][p.label] == pytest.approx(made, rel=1e-5)
    assert watch.history[0]["grad_norm"] > 1e-2  # before clipping


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
        lambda p: optim.Adam(p, lr=0.1, weight_decay=0.1),
        lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.5),
        lambda p: optim.RMSprop(p, lr=0.1, momentum=0.5),
        lambda p: optim.Adagrad(p, lr=0.1),
    ],
    ids=["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"],
)
def test_the_next_step_of_an_optimiser_of_ours_is_the_one_that_it_makes(make):
    rng = np.random.default_rng(0)
    W = Parameter(rng.normal(size=(3, 2)), "W")
    optimizer = make([W])
    for _ in range(3):
        grad, before = rng.normal(size=(3, 2)), W.data.copy()
        foreseen = updates(optimizer, {W: grad})
        W.grad = grad
        optimizer.step()
        assert foreseen["W"] == pytest.approx(np.linalg.norm(W.data - before) / np.linalg.norm(before), rel=1e-12)


def test_the_next_step_of_nearly_nothing_and_of_biases_is_not_called_large():
    W, b = Parameter(np.full((2, 2), 1e-6), "W"), Parameter(np.full(2, 1e-6), "b")
    grads = {W: np.full((2, 2), 1.0), b: np.full(2, 1.0)}
    assert updates(optim.SGD([W, b], lr=1e-3), grads) == {"W": pytest.approx(1e-3 / 0.01)}


def test_the_history_has_the_share_that_a_linear_network_has():
    watch = watched(0.9, 0.3, every=1)
    shares = [row["layers"][0]["share"] for row in watch.history]
    assert shares == pytest.approx([0.9**10, 0.3**10])
    assert watch.history[1]["layers"][0]["way"] == pytest.approx([0.3**d for d in range(11)])
    assert watch.last.layers[0].share == pytest.approx(0.3**10)
    assert watch.history[1]["faults"][0]["fault"] == "vanishing"


def test_it_says_what_changed_and_when():
    said = str(watched(0.9, 0.3, 0.3, 0.9))
    assert "update 1: The gradient vanishes in h" in said
    assert "update 3: vanishing in h: no longer, 34.9% reached step 1." in said
    assert said.startswith("Watched at 4 updates, 0 to 3, every 1. At the last one: healthy.")
    flickers = str(watched(*(0.9, 0.3) * 5))
    assert "vanishing in h: comes and goes, at 5 of 9 measured updates from 1 to 9" in " ".join(flickers.split())


def test_every_so_many_updates_are_measured():
    assert [row["update"] for row in watched(*[0.9] * 7, every=3).history] == [0, 3, 6]
    assert [row["update"] for row in watched(0.9).history] == [0]


def test_a_history_goes_through_json_and_on(tmp_path):
    with np.errstate(over="ignore"):
        watch = watched(0.9, 0.3, 1e200)  # and inf
    file = tmp_path / "watch.json"
    file.write_text(watch.to_json())
    assert json.loads(watch.to_json())["history"] == watch.history
    again = viz.Watch.load(file)
    assert isinstance(again, viz.Watch)
    assert str(again) == str(watch)
    assert again.plot().source.split("</title>")[1] == watch.plot().source.split("</title>")[1]
    again(linear(0.9))
    assert [row["update"] for row in again.history] == [0, 1, 2, 3]
    for text in ("", "{}", '{"every": 1, "history": [{"update": 3}]}', '{"every": 0, "history": []}'):
        file.write_text(text)
        with pytest.raises(ValueError, match="is no history of a watch"):
            viz.Watch.load(file)


def test_a_later_update_that_cannot_be_measured_is_noted_and_the_first_raises():
    with pytest.raises(ValueError, match="at least two steps"):
        watched().__call__(linear(0.9, steps=1))
    watch = watched(0.9)
    watch(linear(0.9, steps=1))
    assert watch.history[1]["update"] == 1
    assert "at least two steps" in watch.history[1]["skipped"]
    assert "update 1: no recurrent layer was found behind the loss" in str(watch)


def test_bad_input_says_what_to_do():
    with pytest.raises(ValueError, match="every"):
        viz.Watch(every=0)
    with pytest.raises(TypeError, match="takes the loss that you recorded"):
        viz.Watch()(3.0)
    with pytest.raises(TypeError, match="takes the loss that you recorded"):
        viz.Watch()(lambda: linear(0.9), optimizer=optim.SGD([Parameter([1.0])]))
    with pytest.raises(ValueError, match="nothing has been measured"):
        viz.Watch().plot()
    assert str(viz.Watch()).startswith("Nothing measured yet")


def test_a_threshold_to_clip_at_is_the_median_over_the_updates():
    history = [{"loss": 1.0, "grad_norm": norm} for norm in [*[2.0, 4.0, 6.0] * 4, 1e9, math.inf]]
    found = viz.diagnose(linear(3.0), history=history)
    assert found.numbers.clip_at == 4.0
    assert "Clip the norm of the gradient at 4, its median over the updates" in " ".join(str(found).split())
    assert "at its usual size over some hundred updates" in " ".join(
        str(viz.diagnose(linear(3.0), history=history[:5])).split()
    )


def test_a_weight_that_the_optimiser_does_not_have_is_frozen():
    loss = linear(0.9)
    found = viz.diagnose(loss, optim.SGD([Parameter([1.0])], lr=0.1))
    assert [(f.fault, f.causes) for f in found.findings] == [("frozen weight", ("optimizer",))]
    assert "W_hh was not given to the optimiser" in str(found)
    assert "Give the recurrent weight to the optimiser" in str(found)


def test_a_loss_at_every_step_asks_for_no_longer_way_than_a_few_steps():
    def all_steps(factor, read):
        rnn = nn.RNN(1, 1, nonlinearity="identity", seed=0)
        rnn.cells[0][0].W_hh.data = np.array([[factor]])
        return diagnose(rnn(np.ones((41, 1, 1)))[0][read].sum())

    half, tenth = all_steps(0.5, slice(None)), all_steps(0.1, slice(None))
    assert half.layers[0].share < 1e-4
    assert half.layers[0].horizon == pytest.approx(math.log(100) / math.log(2))
    assert (half.layers[0].losses, half.faults, tenth.faults) == (41, [], ["vanishing"])
    assert all_steps(0.5, slice(40, None)).faults == ["vanishing"]


def test_tensorboards_writer_gets_scalars_and_the_report():
    class Writer:
        def __init__(self):
            self.scalars, self.texts = {}, []

        def add_scalar(self, tag, value, step):
            self.scalars.setdefault(tag, {})[step] = value

        def add_text(self, tag, text, step):
            self.texts.append((tag, text, step))

    writer, watch = Writer(), watched(0.9, 0.5)
    watch.to_tensorboard(writer)
    share = writer.scalars["watch/share that reaches the first step/h"]
    assert share == {0: pytest.approx(0.9**10), 1: pytest.approx(0.5**10)}
    assert writer.scalars["watch/loss"] == {row["update"]: row["loss"] for row in watch.history}
    assert writer.texts == [("watch", f"```\n{watch}\n```", 1)]


def test_the_report_and_the_picture_of_many_layers_and_long_names(tmp_path):
    rnn = nn.LSTM(1, 2, num_layers=4, bidirectional=True, seed=0)
    watch = viz.Watch(every=1)
    for steps in (4, 9, 3):
        watch(rnn(np.ones((steps, 1, 1)))[0].sum())
    assert max(map(len, str(watch).splitlines())) <= 80
    assert watch.plot().save(tmp_path / "watch.png").stat().st_size > 0
    assert set(watch._repr_mimebundle_()) == {"text/html", "text/plain"}
