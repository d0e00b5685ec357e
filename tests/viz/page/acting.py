"""What tests of pages do to them, and what they read from them."""

import re

from microgradrnn import Value


def chain():
    """f = s (z s), s = x + y: one node that two read."""
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    s = x + y
    f = s * (z * s)
    s.label, f.inputs[1].label, f.label = "s", "p", "f"
    return f


def where(tab):
    """Which visit the panel shows; 0 before the backward pass."""
    text = tab.locator(".start:visible .where, .visits > li:visible .where").inner_text()
    found = re.match(r"Visit (\d+)", text)
    return int(found[1]) if found else 0


def press(tab, *keys):
    for key in keys:
        tab.keyboard.press(key)


def values(tab):
    """What stands as the value in each box, by its title."""
    return _in_boxes(tab, -2)


def gradients(tab):
    """What stands as the gradient in each box, by its title."""
    return _in_boxes(tab, -1)


def _in_boxes(tab, at):
    return tab.evaluate(
        """(at) => Object.fromEntries([...document.querySelectorAll(".canvas .node")].map((box) => {
            const shown = [...box.querySelectorAll("text")].filter((text) => text.getClientRects().length);
            return [shown[0].textContent, shown.at(at).textContent];
        }))""",
        at,
    )


def sums(tab):
    """What stands as the total of each shared weight."""
    return tab.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".sums .sum")].map((sum) => {
            const shown = [...sum.querySelectorAll("text")].filter((text) => text.getClientRects().length);
            return [shown[0].textContent, shown.at(-1).textContent];
        }))"""
    )


def lit(tab):
    """Titles of the boxes that are lit up."""
    return set(tab.locator(".node.lit .title").all_text_contents())


def box(tab, title):
    """The box with that title."""
    return tab.locator(".canvas .node", has=tab.locator(".title", has_text=re.compile(f"^{title}$")))
