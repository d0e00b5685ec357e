"""Names as books print them: what is printed tells apart what is named apart."""

import itertools

import torch

from microgradrnn.interop import capture
from viz.figure import FigureOptions, figure
from viz.paint.figure_marks import Text
from viz.paint.typeset import parsed, runs
from viz.passes import so_far

OWNERS = ("", "rnn.", "reader.", "readout.", "encoder.", "embed.", "decoder.", "dense.", "layer1.", "layer2.")
NAMES = (
    "W",
    "W_hh",
    "b_h",
    "h_1",
    "h1_1",
    "h1r_1",
    "h2_1",
    "weight_ih_l0",
    "weight_ih_l0_reverse",
    "bias_ih_l0",
    "weight",
)


def printed(label):
    """The pieces of a name as they stand above, on and below the line."""
    return tuple((run.text, (run.drop > 0) - (run.drop < 0)) for run in runs(parsed(label), 15, 10))


def test_names_of_different_things_are_printed_differently():
    labels = ["".join(parts) for parts in itertools.product(OWNERS, NAMES)]
    assert len({printed(label) for label in labels}) == len(labels)


def test_no_weight_seems_to_be_of_a_reverse_direction_for_its_owners_letter():
    above = {text for owner, name in itertools.product(OWNERS, NAMES) for text, at in printed(owner + name) if at < 0}
    assert "r" not in above


def test_weights_of_a_captured_module_have_pytorchs_names_in_a_figure():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = torch.nn.RNN(2, 3)

        def forward(self, x):
            return self.rnn(x)[0].pow(2).sum()

    root = capture(Net(), torch.ones(3, 1, 2))
    root.backward()
    marks = figure(so_far(root), FigureOptions()).picture.marks
    texts = {"".join(run.text for run in mark.runs) for mark in marks if isinstance(mark, Text)}
    assert {"rnn.weight_ih_l0", "rnn.weight_hh_l0"} <= texts
