"""What tests of live pages do to them, and what they read from them."""

import numpy as np

from benchmarks.live import one_unit
from microgradrnn import Value

MAIN = "document.querySelector('main')"
API = f"{MAIN}.microgradrnn"


def unit():
    return one_unit(np.random.default_rng(0))


def chain():
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    f = (x + y) * z
    f.label = "f"
    return f


def put(tab, name, given):
    tab.evaluate(f"([name, given]) => {API}.set(name, given)", [name, given])


def error_of(tab, call):
    """What an expression of the page's script throws."""
    return tab.evaluate(f"() => {{ try {{ {call}; return ''; }} catch (error) {{ return error.message; }} }}")


def value(tab, name):
    return tab.evaluate(f"(name) => {API}.value(name)", name)


def grad(tab, name):
    return tab.evaluate(f"(name) => {API}.grad(name)", name)


def field(tab, name):
    return tab.locator(f"[id$='-{name}']")


def texts(tab):
    """Every number that may change, with its source; all of them written."""
    return tab.evaluate(f"""() => {{
        dispatchEvent(new Event("beforeprint"));
        for (const group of document.querySelectorAll(".changing > g")) group.classList.add("on");
        {MAIN}.dispatchEvent(new Event("shown"));
        return [...document.querySelectorAll("[data-n]")].map((element) => [element.dataset.n, element.textContent]);
    }}""")


def strips(tab):
    """What is painted in each strip, once `texts` has written all."""
    return tab.evaluate(
        "() => [...document.querySelectorAll(':not(.flying) > svg [data-heat]')].map((strip) => strip.innerHTML)"
    )


def visited(tab, name):
    """The words of the visit of a node, once it is shown."""
    tab.keyboard.press("/")
    tab.keyboard.type(name)
    tab.keyboard.press("Enter")
    return tab.locator(".visits > li.now")


def drag(tab, name, by):
    slot = tab.evaluate(f"(name) => {MAIN}.live.nodes.get(name).slots[0]", name)
    box = tab.locator(f".editable[data-slot='{slot}']").first.bounding_box()
    x, y = box["x"] + 3, box["y"] + box["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + by / 2, y)
    tab.mouse.move(x + by, y)
    tab.mouse.up()


def beside(tab):
    """The table of the present numbers and the ghosts'."""
    rows = tab.evaluate("""() => [...document.querySelectorAll("[id$=beside] tr")]
        .map((row) => [...row.children].map((cell) => cell.textContent))""")
    return {head: numbers for head, *numbers in rows}
