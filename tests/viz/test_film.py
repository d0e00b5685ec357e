"""Frames as one file: an animated SVG, slides, a PDF. Each holds every visit, and asks for nothing."""

import re
import shutil
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from microgradrnn import Value
from microgradrnn.backprop import order
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
    shown = [g for g in ET.fromstring(svg) if g.get("class") == "film-frame"]
    assert len(shown) == len(order(root)) == 5
    assert [g.get("visibility") for g in shown] == ["hidden"] * 4 + [None]
    starts = [float(re.search(rf"#{g.get('id')} {{ animation-delay: ([\d.]+)s", svg)[1]) for g in shown]
    period = float(re.search(r"animation: film ([\d.]+)s", svg)[1])
    assert starts == sorted(set(starts))
    assert period == pytest.approx(starts[1] * 5)
    for i, g in enumerate(shown, start=1):
        assert any(f"visit {i} of 5" in (text.text or "") for text in g.iter(f"{SVG}text"))


@pytest.mark.parametrize("name", ["x", "</style><script>alert(1)</script>", "{0}{x}%s", "]]>"])
def test_a_label_is_just_text_and_no_id_stands_twice(tmp_path, name):
    root = ET.parse(written(tmp_path, ".svg", expression(name))).getroot()
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= {"svg", "title", "style", "g", "rect", "path", "text"}
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids)) > 20


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
    assert b"film-frame" in written(tmp_path, ".svg", Value(2.0, "x")).read_bytes()


def test_a_film_is_not_written_where_the_root_is_no_node(tmp_path):
    with pytest.raises(TypeError, match="frames takes a node"):
        frames(3.0, tmp_path / "film.html")
    assert not list(tmp_path.iterdir())


def test_arrow_keys_move_through_the_slides(tmp_path):
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("needs Chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    path, said = written(tmp_path, ".html", expression()), []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("request", lambda request: said.append(request.url) if request.url != path.as_uri() else None)
        tab.goto(path.as_uri())

        def visit():
            return re.search(r"visit (\d) of 5", tab.locator("section:not([hidden])").text_content())[1]

        shown = [visit()]
        for key in ("ArrowLeft", "ArrowRight", "Space", "ArrowLeft", "End", "ArrowRight", "Home"):
            tab.keyboard.press(key)
            shown.append(visit())
        browser.close()
    assert shown == ["1", "1", "2", "3", "2", "5", "5", "1"]
    assert said == []
