"""Frames as one file: an animated SVG, slides, a PDF. Each holds every visit, and asks for nothing."""

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from microgradrnn import Value
from microgradrnn.backprop import order
from tests.viz.networks import rnn_loss
from viz import frames
from viz.csp import source_hash

SVG = "{http://www.w3.org/2000/svg}"


def expression(name="x"):
    x, y, z = Value(-2.0, name), Value(5.0, "y"), Value(-4.0, "z")
    f = z * (x + y)
    f.label = "f"
    return f


def written(folder, ending, root):
    (path,) = frames(root, folder / "made" / f"film{ending}")
    assert path == folder / "made" / f"film{ending}"
    return path


def test_an_animation_has_a_frame_for_each_visit_one_after_the_other(tmp_path):
    root = expression()
    svg = written(tmp_path, ".svg", root).read_text(encoding="utf-8")
    stills = [path.read_text(encoding="utf-8") for path in frames(root, tmp_path / "stills")]
    assert len(stills) == len(order(root)) == 5
    for i, still in enumerate(stills):
        assert seen(ET.fromstring(svg), visible_at(svg, (i + 0.5) / 5)) == seen(ET.fromstring(still), {})
        assert f"visit {i + 1} of 5" in still
    # Where nothing moves the last one is seen.
    assert seen(ET.fromstring(svg), {}) == seen(ET.fromstring(stills[-1]), {})


def visible_at(svg, share):
    """For each class that a film's style sheet animates, whether it is seen when so much of the time has gone."""
    found = {}
    for name, lines in re.findall(r"@keyframes ([\w-]+) \{ (.*) \}", svg):
        turns = [(float(at), kind) for at, kind in re.findall(r"([\d.]+)% \{ visibility: (\w+); \}", lines)]
        assert turns[0][0] == 0
        found[name] = [kind for at, kind in turns if at <= 100 * share][-1] == "visible"
    return found


def seen(element, visible, hidden=False):
    """Everything that is painted, in its order: shapes with where they stand, and texts."""
    mine = [visible[name] for name in (element.get("class") or "").split() if name in visible]
    hidden = not mine[0] if mine else element.get("visibility") == "hidden" or hidden
    found = []
    if element.tag.removeprefix(SVG) in ("rect", "path", "text") and not hidden:
        found.append((element.tag, element.text, *sorted(element.attrib.items())))
    return found + [one for child in element for one in seen(child, visible, hidden)]


def test_what_frames_share_stands_in_a_film_once(tmp_path):
    root = rnn_loss(2)
    (film,) = frames(root, tmp_path / "film.svg")
    stills = [path.stat().st_size for path in frames(root, tmp_path / "stills")]
    assert film.stat().st_size < 3 * max(stills) < sum(stills) / 4


@pytest.mark.parametrize("edges", ["contribution", "all"])
def test_frames_show_three_gradients_where_they_are_asked_for(tmp_path, edges):
    """f = z (x + y): the arrow from z has dL/dz = 3 at its tail, 3 on it and 1 at its head once f has been visited."""
    before, after = (frames(expression(), tmp_path, edges=edges, visits=True)[i].read_text() for i in (0, 4))
    assert after.count(">× 3<") == after.count(">× −4<") == (edges == "all")
    assert ">× 1<" not in before  # x and y have got nothing yet
    assert after.count(">× 1<") == 2 * (edges == "all")
    assert 'class="badge"' in after


def test_an_option_of_frames_that_makes_no_sense_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="frames: edges is 'auto' or 'contribution' or 'all', not 'some'"):
        frames(expression(), tmp_path, edges="some")


@pytest.mark.parametrize("name", ["x", "</style><script>alert(1)</script>", "{0}{x}%s", "]]>"])
def test_a_label_is_just_text_and_nothing_has_an_id(tmp_path, name):
    root = ET.parse(written(tmp_path, ".svg", expression(name))).getroot()
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= {"svg", "title", "style", "g", "rect", "path", "text"}
    assert not [e.get("id") for e in root.iter() if e.get("id")]


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attributes]


@pytest.mark.parametrize("name", ["x", "</section><script>alert(1)</script>", "{style}"])
def test_slides_run_their_own_script_alone_and_ask_for_nothing(tmp_path, name):
    html = written(tmp_path, ".html", expression(name)).read_text(encoding="utf-8")
    found = Tags()
    found.feed(html)
    assert found.tags.count("script") == found.tags.count("style") == 1
    assert found.tags.count("section") == 5
    policy = re.search(r'content="(default-src[^"]*)"', html)[1]
    assert policy.startswith("default-src 'none'; ")
    for tag in ("script", "style"):
        source = re.search(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)[1]
        assert f"{tag}-src '{source_hash(source)}'" in policy
    assert not [value for key, value in found.attributes if key in ("src", "href", "style") or key.startswith("on")]


def test_a_pdf_has_a_page_for_each_visit(tmp_path):
    data = written(tmp_path, ".pdf", expression()).read_bytes()
    assert data.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b(?!s)", data)) == 5


def test_one_visit_is_a_film_too(tmp_path):
    svg = written(tmp_path, ".svg", Value(2.0, "x")).read_text(encoding="utf-8")
    assert "visit 1 of 1" in svg
    assert "keyframes" not in svg


@pytest.mark.parametrize("name", ["film.gif", "film.MP4", "film.png"])
def test_a_file_of_another_kind_is_an_error_and_no_folder_of_that_name(tmp_path, name):
    with pytest.raises(ValueError, match=r"frames: one file ends in \.svg or \.html or \.pdf, not"):
        frames(Value(2.0) * 3, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_film_is_not_written_where_the_root_is_no_node(tmp_path):
    with pytest.raises(TypeError, match="frames takes a node"):
        frames(3.0, tmp_path / "film.html")
    assert not list(tmp_path.iterdir())


def test_arrow_keys_move_through_the_slides(open_page, tmp_path):
    tab = open_page(written(tmp_path, ".html", expression()).read_text(encoding="utf-8"))

    def visit():
        return re.search(r"visit (\d) of 5", tab.locator("section:not([hidden])").text_content())[1]

    shown = [visit()]
    for key in ("ArrowLeft", "ArrowRight", "Space", "ArrowLeft", "End", "ArrowRight", "Home"):
        tab.keyboard.press(key)
        shown.append(visit())
    assert shown == ["1", "1", "2", "3", "2", "5", "5", "1"]
