"""Reads printed arithmetic back: each printed number stands for all the numbers that are printed like it."""

import ast
import math
import re


class Interval:
    """All numbers from low to high."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    def __add__(self, other):
        return Interval(self.low + other.low, self.high + other.high)

    def __neg__(self):
        return Interval(-self.high, -self.low)

    def __sub__(self, other):
        return self + -other

    def __mul__(self, other):
        corners = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(corners), max(corners))

    def __truediv__(self, other):
        assert other.low > 0 or other.high < 0
        return self * Interval(1 / other.high, 1 / other.low)

    def __pow__(self, other):
        exponent = (other.low + other.high) / 2
        corners = [self.low**exponent, self.high**exponent]
        return Interval(0.0 if self.low < 0 < self.high else min(corners), max(corners))

    def meets(self, other):
        slack = 1e-12 * (1 + abs(self.low) + abs(self.high))
        return self.low - slack <= other.high and other.low - slack <= self.high


def printed(x):
    """A number printed with four significant digits."""
    if x == 0:
        return Interval(0.0, 0.0)
    half = 10.0 ** (math.floor(math.log10(abs(x))) - 3) / 2
    return Interval(x - half, x + half)


FUNCTIONS = {"tanh": math.tanh, "exp": math.exp, "log": math.log, "sigmoid": lambda x: 1 / (1 + math.exp(-x))}
OPERATORS = {ast.Add: "__add__", ast.Sub: "__sub__", ast.Mult: "__mul__", ast.Div: "__truediv__", ast.Pow: "__pow__"}


def evaluate(text):
    """The interval of an expression as it is printed: − × ² ^ and functions of one number."""
    text = re.sub(r"\(the other \d+\)", "", text)
    text = re.sub(r"e−", "e-", text)
    for shown, written in (("−", "-"), ("×", "*"), ("²", "**2"), ("^", "**")):
        text = text.replace(shown, written)
    return _evaluate(ast.parse(text.strip(), mode="eval").body)


def _evaluate(tree):
    match tree:
        case ast.Constant(value=value):
            return printed(float(value))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand)
        case ast.BinOp(left=left, op=op, right=right):
            return getattr(_evaluate(left), OPERATORS[type(op)])(_evaluate(right))
        case ast.Call(func=ast.Name(id=name), args=[argument]) if name in FUNCTIONS:
            x = _evaluate(argument)
            return Interval(FUNCTIONS[name](x.low), FUNCTIONS[name](x.high))
    raise ValueError(f"cannot read {ast.dump(tree)}")


def equations(text):
    """Every line that says ``arithmetic = number``, perhaps with the entry that it is of before it, as two strings."""
    number = r"\d[\d.]*(?:e−?\d+)?"
    arithmetic = rf"(?:{number}|\(the other \d+\)|(?:{'|'.join(FUNCTIONS)})(?=\()|[-+×/−²^() ])+"
    line = rf"^ *(?:\[[\d, ]*\]  )?({arithmetic}) = (−?{number})$"
    return re.findall(line, text, re.MULTILINE)
