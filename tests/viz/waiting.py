"""Waiting for what a page does by itself: for a condition, and never for a time, which may not do on a busy machine."""

STILL = """() => new Promise((resolve) => {
    const place = () => {
        const { x, y, width } = document.querySelector(".canvas > svg").getBoundingClientRect();
        return `${x} ${y} ${width}`;
    };
    let [before, same] = [place(), 0];
    const look = () => {
        const now = place();
        same = now === before ? same + 1 : 0;
        before = now;
        if (same < 5) requestAnimationFrame(look);
        else resolve();
    };
    requestAnimationFrame(look);
})"""


HELD = """() => {
    const place = (element) => [element.getBoundingClientRect().x, element.getBoundingClientRect().y];
    const animate = Element.prototype.animate;
    Element.prototype.animate = function (...given) {
        window.litAtStart ??= [...document.querySelectorAll(".node.lit")].map(place);
        const made = animate.apply(this, given);
        made.pause();
        return made;
    };
}"""


def hold_flights(tab):
    """What starts to fly from now on stays where it starts; `litAtStart` is where lit boxes are then."""
    tab.evaluate(HELD)


def until_still(tab):
    """Waits until the picture has been where it is for five frames."""
    tab.evaluate(STILL)


def until_resized(tab):
    """Waits until the page has had its turn after its window was given another size."""
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def until_flights_are_due(tab):
    """Waits until what the last step made fly has started, or never will: timers end in the order that they are due."""
    tab.evaluate("() => new Promise((done) => setTimeout(done, 460))")  # more than START in lesson.js
