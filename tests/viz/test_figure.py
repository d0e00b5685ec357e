"""`draw(style="figure")`: what is drawn is what was recorded, type can be read, nothing lies on anything else."""

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from microgradrnn import Tensor, Value, nn
from microgradrnn.functional import add_n
from viz import draw
from viz.figure import FigureOptions, figure
from viz.lengths import points
from viz.paint.figure_marks import Line, Shape, Text
from viz.paint.geometry import Way, around, overlap
from viz.passes import so_far

SVG = "{http://www.w3.org/2000/svg}"
rng = np.random.default_rng(0)


def many_to_many(steps, cell="rnn", **network):
    model = nn.ManyToMany(3, 2, 2, cell=cell, seed=0, **network)
    loss = nn.sequence_loss(model.unroll(np.random.default_rng(0).normal(size=(steps, 1, 3))), [[0]] * steps)
    loss.backward()
    return loss


def many_to_one():
    return nn.ManyToOne(3, 4, 2, seed=0)(rng.normal(size=(4, 1, 3)))


def one_to_many():
    return add_n([y for _, y in nn.OneToMany(3, 4, 2, seed=0, feedback=True).unroll(rng.normal(size=(1, 3)), 3)]).sum()


def both_directions():
    loss = nn.ManyToOne(3, 4, 2, seed=0, num_layers=2, bidirectional=True)(rng.normal(size=(3, 1, 3))).sum()
    loss.label = "L"
    return loss


def encoder_decoder():
    model = nn.Seq2Seq(nn.Encoder(3, 4, seed=0), nn.Decoder(2, 4, 4, seed=1))
    return model.loss(rng.normal(size=(3, 1, 3)), [[0], [1], [0]])


def a_students_loop():
    x, W = Tensor(rng.normal(size=3), "x", requires_grad=False), Tensor(rng.normal(size=(3, 3)), "W")
    h = Tensor(np.zeros(3))
    for _ in range(3):
        h = (x * 2 + h @ W).tanh()
    return h.sum()


def expression():
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    f = z * (x + y)
    f.label = "f"
    f.backward()
    return f


GRAPHS = {
    "vanilla": lambda: many_to_many(3),
    "long": lambda: many_to_many(50),
    "LSTM": lambda: many_to_many(3, "lstm"),
    "two layers": lambda: many_to_many(3, num_layers=2),
    "many to one": many_to_one,
    "one to many": one_to_many,
    "both directions": both_directions,
    "encoder and decoder": encoder_decoder,
    "a student's loop": a_students_loop,
    "expression": expression,
}
every_graph = pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)


def made(root, **options):
    return figure(so_far(root), FigureOptions(**options))


def edges(view):
    """Pairs of names that arrows join."""
    names = [box.title or "/".join(output.name for output in box.outputs) for box in view.boxes]
    return {(names[arrow.tail], names[arrow.head]) for arrow in view.arrows}


# -- what is drawn --


def test_a_network_is_inputs_states_outputs_and_losses():
    assert edges(draw(many_to_many(2), style="figure").view) == {
        *(("h_0", "h_1"), ("x_1", "h_1"), ("h_1", "y_1"), ("y_1", "L_1"), ("L_1", "L")),
        *(("h_1", "h_2"), ("x_2", "h_2"), ("h_2", "y_2"), ("y_2", "L_2"), ("L_2", "L")),
    }


def test_an_arrow_has_the_weight_that_it_goes_through():
    view = draw(many_to_many(2), style="figure").view
    found = {(view.boxes[a.tail].title, view.boxes[a.head].title): a.weight for a in view.arrows}
    assert found["x_2", "h_2"] == "W_xh"
    assert found["h_1", "h_2"] == "W_hh"
    assert found["h_2", "y_2"] == "W_hy"
    assert found["y_2", "L_2"] == found["L_1", "L"] == ""


def test_a_cell_with_two_states_is_one_box_that_hands_on_both():
    view = draw(many_to_many(2, "lstm"), style="figure").view
    assert ("c_1/h_1", "c_2/h_2") in edges(view)
    handed_on = [a.output for a in view.arrows if view.boxes[a.tail].outputs and view.boxes[a.head].outputs]
    assert sorted(handed_on) == [0, 1]


def test_what_no_user_has_named_gets_the_usual_names():
    assert edges(draw(a_students_loop(), style="figure").view) == {
        *(("x", "h_1"), ("h_0", "h_1"), ("x", "h_2"), ("h_1", "h_2"), ("x", "h_3"), ("h_2", "h_3"), ("h_3", "L")),
    }


@pytest.mark.parametrize("graph", ["vanilla", "two layers", "both directions", "many to one"])
def test_an_arrow_stands_where_the_graph_has_a_way(graph):
    """Drawn boxes are joined exactly where one is computed from the other through nothing else that is drawn."""
    run = so_far(GRAPHS[graph]())
    shown = figure(run, FigureOptions(width="60cm", steps=run.steps or None))
    drawn = {
        node: run.names[node] for node in run.nodes if any(run.names[node] == box.title for box in shown.view.boxes)
    }
    assert len(drawn) == len(shown.view.boxes)
    expected = set()
    for node in drawn:
        queue = list(node.inputs)
        for x in queue:
            if x in drawn:
                expected.add((drawn[x], drawn[node]))
            else:
                queue += x.inputs
    assert edges(shown.view) == expected


def test_a_weight_that_no_user_has_named_is_W():
    W, h = Tensor(np.eye(2)), Tensor(np.zeros(2))
    for k in range(3):
        h = (h @ W + Tensor([float(k), 1.0])).tanh()
    assert {arrow.weight for arrow in draw(h.sum(), style="figure").view.arrows} == {"W", ""}


# -- how it looks --


@every_graph
@pytest.mark.parametrize("width", ["16cm", "25.4cm"])
def test_a_figure_is_as_wide_as_asked_its_type_is_large_enough_and_its_sides_are_at_most_3_to_1(graph, width):
    root = ET.fromstring(draw(graph(), style="figure", width=width).svg())
    wide, high = (float(root.get(side).removesuffix("cm")) for side in ("width", "height"))
    assert f"{wide:g}cm" == width
    assert 1 / 3 <= wide / high <= 3.001
    box = [float(x) for x in root.get("viewBox").split()]
    per_unit = wide / 2.54 * 72 / box[2]
    sizes = [float(text.get("font-size")) * per_unit for text in root.iter(f"{SVG}text")]
    assert min(sizes) >= 8.999


@every_graph
def test_no_box_or_label_lies_on_another_and_no_arrow_runs_through_a_box(graph):
    picture = made(graph(), numbers=None).picture
    shapes = [mark for mark in picture.marks if isinstance(mark, Shape)]
    boxes = [around((s.x, s.y), (s.width, s.height)) for s in shapes]
    assert not any(overlap(a, b) for a, b in itertools.combinations(boxes, 2))
    for left, top, right, bottom in boxes:
        assert left >= 0
        assert top >= 0
        assert right <= picture.width
        assert bottom <= picture.height
    for line in (mark for mark in picture.marks if isinstance(mark, Line)):
        way = Way(list(line.path))
        points_on_it = [way.at(2.0 * k, 1.0) for k in range(int(way.length / 2))]
        assert not any(_is_in(shape, *point) for shape in shapes for point in points_on_it), line.title
    inside = [t for t in picture.marks if isinstance(t, Text) and _is_within(t, boxes)]
    beside = [t for t in picture.marks if isinstance(t, Text) and not _is_within(t, boxes)]
    labels = [(t.x, t.y - 0.7 * t.runs[0].size, t.x + t.width, t.y) for t in beside]
    assert not any(overlap(a, b) for a, b in itertools.combinations(labels, 2))
    assert not any(overlap(a, b) for a in labels for b in boxes)
    assert len(inside) >= len(boxes)


def _is_in(shape, x, y):
    """Whether a point lies in a box, more than a point from its edge."""
    dx, dy = abs(x - shape.x) - shape.width / 2, abs(y - shape.y) - shape.height / 2
    at_a_corner = dx > -shape.radius and dy > -shape.radius
    if at_a_corner:
        return np.hypot(dx + shape.radius, dy + shape.radius) < shape.radius - 1
    return dx < -1 and dy < -1


def _is_within(text, boxes):
    middle = (text.x + text.width / 2, text.y - 3)
    return any(left < middle[0] < right and top < middle[1] < bottom for left, top, right, bottom in boxes)


def test_states_stand_in_one_row_and_their_arrows_run_straight():
    picture = made(many_to_many(3)).picture
    height = {mark.title: mark.y for mark in picture.marks if isinstance(mark, Shape)}
    assert height["h_0"] == height["h_1"] == height["h_2"] == height["h_3"]
    assert height["x_1"] > height["h_1"] > height["y_1"] > height["L_1"] > height["L"]


def test_steps_that_do_not_fit_are_left_out_and_named():
    drawing = draw(many_to_many(50), style="figure")
    assert len(drawing.view.steps) < 12
    assert {1, 50} <= set(drawing.view.steps)
    assert "⋯" in drawing.svg()


def test_the_steps_asked_for_are_drawn_or_refused():
    root = many_to_many(12)
    assert draw(root, style="figure", steps=range(1, 13)).view.steps == tuple(range(1, 13))
    with pytest.raises(ValueError, match=r"smaller than 9 pt: ask for a width of at least .*cm, fewer steps"):
        draw(root, style="figure", steps=range(1, 13), width="4cm")


def test_the_width_that_an_error_names_is_wide_enough():
    root = many_to_many(3)
    with pytest.raises(ValueError, match="at least") as error:
        draw(root, style="figure", width="3cm")
    least = re.search(r"at least ([\d.]+cm)", str(error.value))[1]
    assert draw(root, style="figure", width=least).svg().startswith("<svg")


def test_numbers_stand_in_the_boxes_where_they_are_asked_for():
    root = many_to_many(2)
    without, within = (draw(root, style="figure", numbers=numbers).svg() for numbers in (False, True))
    assert "∇" not in without
    assert f">{root.item():.3g}<" in within
    assert f">{root.item():.3g}<" not in without
    assert ">∇ −4<" in draw(expression(), style="figure").svg()


def test_a_panel_and_a_legend_stand_under_a_figure_where_they_are_asked_for():
    root = many_to_many(2)
    plain, told = (draw(root, style="figure", panel=asked, legend=asked).svg() for asked in (False, True))
    for said in ("(t=2)", "state, handed from step to step"):
        assert said not in plain
        assert said in told


# -- a path --


def lit(picture):
    return {mark.title for mark in picture.marks if isinstance(mark, Shape) and mark.stroke == "lit"}


def test_a_path_from_a_loss_back_to_a_state_is_lit_and_points_back():
    root = many_to_many(4)
    picture = made(root, path=("L_4", "h_1")).picture
    assert lit(picture) == {"L_4", "y_4", "h_4", "h_3", "h_2", "h_1"}
    place = {mark.title: (mark.x, mark.y) for mark in picture.marks if isinstance(mark, Shape)}
    lines = [mark for mark in picture.marks if isinstance(mark, Line) and mark.stroke == "lit"]
    assert len(lines) == 5
    assert all(line.path[-1][0] < line.path[0][0] for line in lines if line.path[-1][1] == line.path[0][1])
    assert all(place["h_1"][1] >= line.path[-1][1] for line in lines)
    assert all(mark.faded for mark in picture.marks if isinstance(mark, Shape) and mark.title not in lit(picture))


def test_a_path_may_be_given_as_nodes_and_forward():
    root = many_to_many(2)
    run = so_far(root)
    x, h = (next(node for node in run.nodes if node.label == name) for name in ("x_1", "h_2"))
    assert lit(made(root, path=(x, h)).picture) == {"x_1", "h_1", "h_2"}


def test_the_steps_of_a_path_are_not_left_out():
    assert {1, 25, 50} <= set(draw(many_to_many(50), style="figure", path=("L_50", "h_25")).view.steps)


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        (("L_2", "nobody"), ValueError, "no node is called 'nobody'; there are"),
        (("x_1", "x_2"), ValueError, "no way leads from 'x_1' to 'x_2': neither depends on the other"),
        (("L_2", "z_1"), ValueError, "'z_1' is not drawn in this figure; there are"),
        (("L_2", Value(1.0, "far")), ValueError, "'far' is not in the graph behind the root"),
        (("L_2",), TypeError, "path is two nodes or their labels"),
        (("L_2", 3), TypeError, "path is two nodes or their labels, not int"),
    ],
)
def test_a_path_that_makes_no_sense_is_an_error_that_says_why(path, error, said):
    with pytest.raises(error, match=said):
        draw(many_to_many(2), style="figure", path=path)


# -- options --


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"style": "poster"}, ValueError, "style is 'full' or 'figure', not 'poster'"),
        ({"theme": "blue"}, ValueError, "theme is 'light', 'dark', 'auto', not 'blue'"),
        ({"width": "10cm"}, ValueError, "width= goes with style='figure'"),
        ({"numbers": False}, ValueError, "numbers= goes with style='figure'"),
        ({"path": ("f", "x")}, ValueError, "path= goes with style='figure'"),
        ({"style": "figure", "width": 16}, TypeError, "width is a text such as '16cm', not 16"),
        ({"style": "figure", "width": "16"}, ValueError, "'16' is no length"),
        ({"style": "figure", "width": "-3cm"}, ValueError, "'-3cm' is no length"),
        ({"style": "figure", "width": "0cm"}, ValueError, "'0cm' is not between"),
        ({"style": "figure", "width": "99999in"}, ValueError, "'99999in' is not between"),
        ({"style": "figure", "width": "1e2cm"}, ValueError, "'1e2cm' is no length"),
        ({"style": "figure", "width": "١٦cm"}, ValueError, "is no length"),
    ],
)
def test_an_option_that_makes_no_sense_is_an_error_that_says_what_does(options, error, said):
    with pytest.raises(error, match=said):
        draw(expression(), **options)


@pytest.mark.parametrize(("width", "expected"), [("1in", 72), ("25.4mm", 72), ("2.54 cm", 72), ("72pt", 72)])
def test_units(width, expected):
    assert points("draw", "width", width) == pytest.approx(expected)


def grounds(svg):
    rect = next(ET.fromstring(svg).iter(f"{SVG}rect"))
    return rect.get("fill"), "prefers-color-scheme: dark" in svg


@pytest.mark.parametrize("style", ["full", "figure"])
def test_themes(style):
    light, dark, auto = (draw(expression(), style=style, theme=theme) for theme in ("light", "dark", "auto"))
    assert grounds(light.svg()) == ("#ffffff", False)
    assert "prefers-color-scheme" not in dark.svg()
    assert "#16181d" in dark.svg()
    assert "#16181d" not in light.svg()
    assert grounds(auto.svg()) == ("#ffffff", True)


def test_a_full_picture_without_panel_and_legend():
    root = many_to_many(2)
    full, bare = (draw(root, panel=shown, legend=shown).svg() for shown in (True, False))
    for said in ("blue: value", 'class="sum"'):
        assert said in full
        assert said not in bare


def test_a_figure_is_saved_as_what_its_name_says(tmp_path):
    drawing = draw(expression(), style="figure")
    for ending, begins in ((".svg", b"<svg"), (".png", b"\x89PNG"), (".pdf", b"%PDF"), (".tex", b"%")):
        assert drawing.save(tmp_path / f"f{ending}").read_bytes().startswith(begins)
    with pytest.raises(ValueError, match="only a figure is written as TikZ"):
        draw(expression()).save(tmp_path / "g.tex")


def test_a_png_has_its_size_on_paper(tmp_path):
    data = draw(expression(), style="figure", width="10cm").png()
    at = data.index(b"pHYs")
    per_metre = int.from_bytes(data[at + 4 : at + 8], "big")
    pixels = int.from_bytes(data[16:20], "big")
    assert pixels / per_metre == pytest.approx(0.1, rel=0.01)


def test_a_pdf_has_its_size_on_paper():
    from viz.paint.pdf import pdf

    svg = draw(expression(), style="figure", width="10cm").svg()
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", pdf(svg))
    assert float(box[1]) == pytest.approx(100 / 25.4 * 72, rel=0.01)


# -- rolled, and operations --


def test_a_rolled_figure_has_each_kind_of_box_once_and_loops():
    view = draw(many_to_many(4), style="figure", rolled=True).view
    assert edges(view) == {
        *(("h_0", "h_t"), ("x_t", "h_t"), ("h_t", "h_t")),
        *(("h_t", "y_t"), ("y_t", "L_t"), ("L_t", "L")),
    }
    assert edges(draw(many_to_many(4), style="figure", level="network").view) == edges(view)


@pytest.mark.parametrize("graph", ["vanilla", "LSTM", "one to many", "encoder and decoder", "both directions"])
def test_in_a_rolled_figure_no_box_lies_on_another(graph):
    picture = made(GRAPHS[graph](), rolled=True).picture
    boxes = [around((s.x, s.y), (s.width, s.height)) for s in picture.marks if isinstance(s, Shape)]
    assert not any(overlap(a, b) for a, b in itertools.combinations(boxes, 2))


def test_the_cell_line_of_an_lstm_runs_level_along_the_top():
    root = many_to_many(2, "lstm")
    picture = made(root, level="op", width="40cm").picture
    place = {mark.title: (mark.x, mark.y) for mark in picture.marks if isinstance(mark, Shape)}
    inner = [place[f"{name}_{t}"] for t in (1, 2) for name in "ifgohz"]
    assert place["c_0"][1] == place["c_1"][1] == place["c_2"][1]
    assert all(y > place["c_1"][1] for _, y in inner)
    from_c = [
        mark
        for mark in picture.marks
        if isinstance(mark, Line)
        and np.hypot(mark.path[0][0] - place["c_1"][0], mark.path[0][1] - place["c_1"][1]) < 30
    ]
    assert any({y for _, y in line.path} == {place["c_1"][1]} for line in from_c)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_operations_are_those_that_were_recorded(cell):
    root = many_to_many(2, cell)
    view = draw(root, style="figure", level="op", width="60cm", steps=[1, 2]).view
    run = so_far(root)
    named = {run.names[node] for node in run.nodes if node.op is not None and node.label}
    assert named == {box.title for box in view.boxes if box.labelled and box.role in ("op", "loss", "root")}
    products = sum(node.op is not None and node.op.name == "mul" for node in run.nodes)
    assert sum(box.title == "*" or box.corner.startswith("* ") for box in view.boxes) == products


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rolled": True}, "nothing to roll"),
        ({"level": "network"}, "nothing to roll"),
    ],
)
def test_what_has_no_steps_is_not_rolled(options, said):
    with pytest.raises(ValueError, match=said):
        draw(expression(), style="figure", **options)


@pytest.mark.parametrize(("path", "loops"), [(("L_4", "h_1"), 1), (("L_1", "h_1"), 0), (("x_1", "L_3"), 1)])
def test_a_path_in_a_rolled_figure_goes_round_the_loop_where_it_leads_through_several_steps(path, loops):
    """Lit up is what stands for the boxes and arrows that the path has in the figure of all steps."""
    root = many_to_many(4)
    picture = made(root, rolled=True, path=path).picture
    every = made(root, steps=(1, 2, 3, 4), path=path).picture
    assert lit(picture) == {re.sub(r"_\d", "_t", name) for name in lit(every)}
    lines = [mark for mark in picture.marks if isinstance(mark, Line) and mark.stroke == "lit"]
    h = next(mark for mark in picture.marks if isinstance(mark, Shape) and mark.title == "h_t")
    ends = [(line.path[0], line.path[-1]) for line in lines]
    assert sum(all(np.hypot(x - h.x, y - h.y) <= h.width for x, y in both) for both in ends) == loops
    assert len(lines) == len(lit(picture)) - 1 + loops


@pytest.mark.parametrize("style", ["full", "figure"])
def test_an_unknown_level_is_an_error(style):
    with pytest.raises(ValueError, match="level is 'auto', 'network', 'cell', 'op', 'scalar', not 'atom'"):
        draw(expression(), style=style, level="atom")


def test_of_a_long_chain_what_is_nearest_to_the_root_is_drawn():
    y = Value(0.5, "x")
    for _ in range(60):
        y = y.tanh()
    drawing = draw(y, style="figure")
    assert len(drawing.view.boxes) < 60
    assert any(box.role == "gap" for box in drawing.view.boxes)


def test_numbers_of_a_tensor_graph_are_single_ones_where_that_is_asked_for():
    root = (Tensor([1.0, 2.0], "x") * Tensor([3.0, 4.0], "w")).sum()
    view = draw(root, style="figure", level="scalar").view
    assert {box.title for box in view.boxes if box.labelled} == {"x[0]", "x[1]", "w[0]", "w[1]"}
