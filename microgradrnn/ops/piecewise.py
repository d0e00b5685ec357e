"""Elementwise ops that consist of pieces: where two pieces meet, the local gradient is PyTorch's."""

from microgradrnn.ops.record import ONE, TWO, Op

LEAKY_RELU = Op(
    name="leaky_relu",
    symbol="leaky ReLU",
    latex=r"\max(0, x) + a \min(0, x)",
    rule="routes: passes upstream where x > 0, a times upstream elsewhere; a gets upstream times x there",
    forward=lambda xp, x, a: xp.where(x > 0, x, a * x),
    local=(
        lambda xp, z, x, a: xp.where(x > 0, 1.0, a),
        lambda xp, z, x, a: xp.where(x > 0, 0.0, x),
    ),
    domain=("nonzero", "real"),
    example=(TWO, {}),
)

ELU = Op(
    name="elu",
    symbol="ELU",
    latex=r"x \text{ where } x > 0 \text{ else } a (e^{x} - 1)",
    rule="routes: passes upstream where x > 0, a e^x times upstream elsewhere; a gets upstream times e^x − 1 there",
    forward=lambda xp, x, a: xp.where(x > 0, x, a * xp.expm1(xp.minimum(x, 0.0))),
    local=(
        lambda xp, z, x, a: xp.where(x > 0, 1.0, z + a),
        lambda xp, z, x, a: xp.where(x > 0, 0.0, xp.expm1(xp.minimum(x, 0.0))),
    ),
    in_floats=True,
    domain=("nonzero", "real"),
    example=(TWO, {}),
)

CLAMP = Op(
    name="clamp",
    symbol="clamp",
    latex=r"\min(\max(x, y), b)",
    rule="routes: x gets upstream where it lies within the limits, else the limit that it meets does",
    forward=lambda xp, x, low, high: xp.minimum(xp.maximum(x, low), high),
    local=(
        lambda xp, z, x, low, high: (x >= low) & (x <= high),
        lambda xp, z, x, low, high: (x < low) & (low < high),
        lambda xp, z, x, low, high: (x > high) | (low > high),
    ),
    domain=("distinct", "distinct", "distinct"),
    routes=True,
    example=(((4, 5), (5,), (4, 1)), {}),  # so many that each case comes up
)

SIGN = Op(
    name="sign",
    symbol="sign",
    latex=r"\operatorname{sign}(x)",
    rule="stops: the output is constant but for a jump, so the input gets 0",
    forward=lambda xp, x: xp.sign(x),
    local=(0.0,),
    routes=True,
    domain=("nonzero",),
    example=(ONE, {}),
)

FLOOR = Op(
    name="floor",
    symbol="floor",
    latex=r"\lfloor x \rfloor",
    rule="stops: the output is constant but for jumps, so the input gets 0",
    forward=lambda xp, x: xp.floor(x),
    local=(0.0,),
    routes=True,
    domain=("fraction",),
    example=(ONE, {}),
)

ROUND = Op(
    name="round",
    symbol="round",
    latex=r"\operatorname{round}(x)",
    rule="stops: the output is constant but for jumps, so the input gets 0",
    forward=lambda xp, x: xp.rint(x),
    local=(0.0,),
    routes=True,
    in_floats=True,
    domain=("fraction",),
    example=(ONE, {}),
)

FLOOR_DIVIDE = Op(
    name="floor_divide",
    symbol="//",
    latex=r"\lfloor \frac{x}{y} \rfloor",
    rule="stops: the output is constant but for jumps, so the inputs get 0",
    forward=lambda xp, x, y: xp.floor_divide(x, y),
    local=(0.0, 0.0),
    routes=True,
    domain=("fraction", "one"),
    example=(TWO, {}),
)

REMAINDER = Op(
    name="remainder",
    symbol="%",
    latex=r"x \bmod y",
    rule="scales: x gets upstream as it is, y gets upstream times −(x // y)",
    forward=lambda xp, x, y: xp.remainder(x, y),
    local=(
        1.0,
        lambda xp, z, x, y: -xp.floor_divide(x, y),
    ),
    domain=("fraction", "one"),
    example=(TWO, {}),
)
