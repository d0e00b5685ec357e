"""The question that Graphviz is asked: boxes of fixed sizes and what joins them, as DOT without any text."""

from collections.abc import Collection, Iterable, Mapping, Sequence

ROOM = 30.0
"""Between levels, unless told."""

_PORTS = {"LR": ("w", "e"), "RL": ("e", "w"), "TB": ("n", "s"), "BT": ("s", "n")}
"""By which side arrows enter a box, and by which they leave it."""


def skeleton(
    sizes: Mapping[int, tuple[float, float]],
    edges: Iterable[tuple[int, int, int]],
    beside: Sequence[tuple[int, int]] = (),
    rankdir: str = "BT",
    ranksep: float = ROOM,
    leaf_depth: int = 1,
    through: Collection[int] = (),
) -> str:
    """Boxes of fixed sizes (points), to be laid out.

    Args:
        sizes: width and height of each box.
        edges: tail, head and weight of each arrow: the heavier, the straighter.
        beside: a box, and one to stand at its right on the same level.
        rankdir: which way arrows run.
        ranksep: room between levels.
        leaf_depth: on how many levels what no arrow leads to stands in turn.
        through: boxes that arrows run straight through, from the middle of one side to that of the other.
    """
    into, out = _PORTS[rankdir]
    lines = [f"digraph {{ graph [rankdir={rankdir} nodesep=0.22 ranksep={ranksep / 72:.3f}]"]
    lines.append('  node [shape=box fixedsize=true label=""] edge [arrowhead=none]')
    lines += [f"  b{key} [width={width / 72:.4f} height={height / 72:.4f}]" for key, (width, height) in sizes.items()]
    lines += [f"  {{rank=same; b{left} -> b{right} [dir=none]}}" for left, right in beside]
    edges = list(edges)
    inner = {head for _, head, _ in edges}
    for i, (tail, head, weight) in enumerate(edges):
        down = f" minlen={1 + i % leaf_depth}" if tail not in inner and leaf_depth > 1 else ""
        ports = f" tailport={out}" * (tail in through) + f" headport={into}" * (head in through)
        lines.append(f"  b{tail} -> b{head} [weight={weight}{down}{ports}]")
    return "\n".join([*lines, "}", ""])
