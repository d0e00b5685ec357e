"""All three gradients in the picture: which numbers stand on an arrow, where, and that nothing lies on anything."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from benchmarks.architectures import ARCHITECTURES, recorded
from benchmarks.picture_checks import faults
from microgradrnn import Backprop, Tensor, Value, functional
from tests.viz.networks import rnn_loss
from viz import draw
from viz.paint.look import MOST_ARROWS
from viz.paint.marks import marks


def chain_rule():
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    f = (x + y) * z
    f.label = "f"
    f.backward()
    return f


def on_arrows(drawing):
    """For each arrow what stands on it, as (what, data), from its tail to its head; the arrow as two titles."""
    boxes, found = drawing.view.boxes, marks(drawing.view, drawing.look)
    return {
        (boxes[a.tail].title, boxes[a.head].title): [(tag.what, tag.states[-1].data) for tag in found[i].tags]
        for i, a in enumerate(drawing.view.arrows)
        if i in found
    }


def texts(drawing):
    """Every text of a picture with its place."""
    root = ET.fromstring(drawing.svg())
    return [(float(e.get("x")), float(e.get("y")), e.text) for e in root.iter("{http://www.w3.org/2000/svg}text")]


def test_an_arrow_shows_downstream_at_its_tail_local_on_it_and_upstream_at_its_head():
    """The numbers are those of the text that the chain rule is taught with: f = (x + y) z at −2, 5, −4."""
    assert on_arrows(draw(chain_rule(), edges="all")) == {
        ("x", "x + y"): [("downstream", -4.0), ("local", 1.0), ("upstream", -4.0)],
        ("y", "x + y"): [("downstream", -4.0), ("local", 1.0), ("upstream", -4.0)],
        ("x + y", "f"): [("downstream", -4.0), ("local", -4.0), ("upstream", 1.0)],
        ("z", "f"): [("downstream", 3.0), ("local", 3.0), ("upstream", 1.0)],
    }


@pytest.mark.parametrize("rankdir", ["LR", "RL", "TB", "BT"])
def test_they_stand_in_that_order_between_the_boxes(rankdir):
    drawing = draw(chain_rule(), edges="all", rankdir=rankdir)
    placed, found = drawing.placed, marks(drawing.view, drawing.look)
    axis, way = {"LR": (0, 1), "RL": (0, -1), "TB": (1, 1), "BT": (1, -1)}[rankdir]
    for i, arrow in enumerate(drawing.view.arrows):
        places = [place for _, place in found[i].places(*placed.layout.rooms[i])]
        along = [placed.layout.boxes[arrow.tail], *places, placed.layout.boxes[arrow.head]]
        along = [way * point[axis] for point in along]
        assert along == sorted(along)


def test_tensors_have_arrays_on_their_arrows_and_small_jacobians():
    y = Tensor([1.0, 2.0, 3.0], "y")
    S = functional.softmax(y)
    S.label = "S"
    loss = -S[2].log()
    loss.backward()
    s = np.exp([1.0, 2.0, 3.0]) / np.exp([1.0, 2.0, 3.0]).sum()
    downstream, local, upstream = on_arrows(draw(loss, edges="all"))["y", "S"]
    np.testing.assert_allclose(downstream[1], s - [0, 0, 1], rtol=1e-12)  # S − 1[m]
    np.testing.assert_allclose(local[1], np.diag(s) - np.outer(s, s), rtol=1e-12)
    np.testing.assert_allclose(upstream[1], [0, 0, -1 / s[2]], rtol=1e-12)


def test_a_jacobian_times_upstream_is_downstream_on_every_arrow_that_shows_one():
    loss = rnn_loss(2, hidden=2)
    loss.backward()
    drawing = draw(loss, edges="all")
    found, count = marks(drawing.view, drawing.look), 0
    for i, arrow in enumerate(drawing.view.arrows):
        matrix = next((tag.states[0].data for tag in found[i].tags if tag.is_matrix), None) if i in found else None
        if matrix is not None:
            expected = np.ravel(arrow.edge.upstream) @ matrix
            np.testing.assert_allclose(np.ravel(arrow.contribution), expected, rtol=1e-12)
            count += 1
    assert count >= 2


def test_what_is_too_large_to_write_out_is_a_formula():
    loss = rnn_loss(2, hidden=5)
    loss.backward()
    drawing = draw(loss, edges="all")
    drawn = [text for _, _, text in texts(drawing)]
    assert "upstream @ W_hh.T" in drawn
    assert "h_1.T @ upstream" in drawn
    assert not [text for text in drawn if text.endswith("…")]


def test_a_formula_has_its_numbers_how_the_largest_entry_comes_about():
    """Read back from the text: the products add up to the entry, which is the largest of the contribution."""
    loss = rnn_loss(2, hidden=5)
    loss.backward()
    drawing = draw(loss, edges="all")
    found, count = marks(drawing.view, drawing.look), 0
    for i, arrow in enumerate(drawing.view.arrows):
        for tag in found[i].tags if i in found else ():
            if tag.formula:
                place, said, total = re.fullmatch(r"\[([\d,]+)\]: (?:(.*) = )?(.*)", tag.states[-1].data).groups()
                entry = np.asarray(arrow.contribution)[tuple(map(int, place.split(",")))]
                assert abs(entry) == np.abs(arrow.contribution).max()
                said = re.sub(r"\(the other \d+\)", "", said or total).replace("−", "-").replace("×", "*")
                assert eval(said) == pytest.approx(entry, rel=2e-3, abs=2e-4)
                assert float(total.replace("−", "-")) == pytest.approx(entry, rel=1e-3)
                count += 1
    assert count >= 6


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_nothing_lies_on_anything(name):
    assert not faults(draw(recorded(name, 3), edges="all", level="op"), every_use=False)


@pytest.mark.parametrize("labels", ["ends", "above_below"])
@pytest.mark.parametrize("direction", ["forward", "both"])
@pytest.mark.parametrize("edges", ["contribution", "all"])
@pytest.mark.parametrize(
    "root", [chain_rule(), recorded("LSTM", 3), recorded("loop of scalars", 3)], ids=["f", "lstm", "loop"]
)
def test_nothing_lies_on_anything_with_any_options(root, edges, direction, labels):
    drawing = draw(root, edges=edges, direction=direction, labels=labels, visits=True, level="op")
    assert not faults(drawing, every_use=False)


def test_an_arrow_into_a_box_of_several_nodes_shows_what_it_contributes_alone():
    drawing = draw(recorded("LSTM", 3), edges="all", level="cell")
    found, boxes = marks(drawing.view, drawing.look), drawing.view.boxes
    into_cells = [i for i, arrow in enumerate(drawing.view.arrows) if boxes[arrow.head].outputs]
    assert into_cells
    assert found
    assert not found.keys() & set(into_cells)
    assert not faults(drawing, every_use=False)
    assert "into a box of several nodes" in drawing.svg()


def test_auto_shows_all_where_the_graph_is_small():
    assert draw(chain_rule()).look.edges == "all"
    assert draw(chain_rule(), edges="contribution").look.edges == "contribution"
    x = y = Value(0.5, "x")
    for _ in range(MOST_ARROWS + 1):
        y = y.tanh()
    y.backward()
    assert draw(y).look.edges == "contribution"
    wide = Tensor(np.ones(5), "x").tanh().sum()
    wide.backward()
    assert draw(wide).look.edges == "contribution"
    assert draw(Value(2.0, "a") * 3.0).look.edges == "contribution"  # no gradient is known
    assert x.grad is not None


def test_a_picture_in_the_middle_of_a_pass_shows_what_is_known():
    f = Value(2.0, "a").tanh().tanh()
    run = Backprop(f)
    run.step()
    found = on_arrows(draw(f, edges="all"))
    assert [what for what, _ in found["tanh(a)", "tanh(tanh(a))"]] == ["downstream", "local", "upstream"]
    assert ("a", "tanh(a)") not in found


def test_values_above_gradients_below():
    drawing = draw(chain_rule(), labels="above_below", edges="contribution")
    at = {text: (x, y) for x, y, text in texts(drawing)}
    placed = drawing.placed.layout.rooms
    for i, arrow in enumerate(drawing.view.arrows):
        (x, y), _ = placed[i]
        mark = marks(drawing.view, drawing.look)[i]
        for tag, place in mark.places(*placed[i]):
            assert (place[1] < y) == (tag.what == "value")
            assert place[0] == x
        assert mark.value.states[0].data == drawing.view.boxes[arrow.tail].value
    assert at["−12"]  # the root has no arrow, and keeps its numbers
    assert [text for _, _, text in texts(drawing)].count("−2") == 1  # x's value stands above its arrow alone


def test_arrows_of_the_backward_pass_run_the_other_way():
    source = draw(chain_rule(), direction="both").svg()
    backward = re.findall(r'class="wire back" d="M([\d.]+),([\d.]+)L.*?L([\d.]+),([\d.]+)"', source)
    assert len(backward) == 4
    assert all(float(x0) > float(x1) for x0, _, x1, _ in backward)


def test_visits_are_the_order_of_the_pass():
    f = chain_rule()
    order = [visit.node for visit in Backprop(f)]
    drawing = draw(f, visits=True)
    badges = {text for _, _, text in texts(drawing)} & {"2", "4"}
    assert {box.visit for box in drawing.view.boxes} == set(range(1, len(order) + 1))
    assert badges == {"2", "4"}
    assert drawing.svg().count('class="badge"') == len(order)
    assert 'class="badge"' not in draw(f).svg()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"edges": "some"}, "edges is 'auto' or 'contribution' or 'all', not 'some'"),
        ({"labels": "below"}, "labels is 'ends' or 'above_below'"),
        ({"direction": "back"}, "direction is 'forward' or 'both'"),
        ({"visits": 3}, "visits is True or False, not 3"),
        ({"edges": "all", "rolled": True}, "leave out edges='all', or rolled=True"),
        ({"direction": "both", "level": "network"}, "leave out direction='both'"),
        ({"visits": True, "rolled": True}, "leave out visits=True"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(options, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        draw(recorded("LSTM", 3), **options)


@pytest.mark.parametrize("options", [{"edges": "all"}, {"direction": "both"}, {"visits": True}])
def test_without_a_backward_pass_there_is_nothing_to_show(options):
    with pytest.raises(ValueError, match=r"call backward\(\) first"):
        draw(Value(2.0, "a") * 3.0, **options)
    assert draw(Value(2.0, "a") * 3.0, labels="above_below").svg()
