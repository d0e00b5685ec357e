"""Does a matrix that is applied step after step let gradients vanish, or explode? What its spectrum says of it.

- `spectrum`: singular values and moduli of eigenvalues, and what each implies.
- `power_norms`: the norms of a matrix's powers, which is what a linear network does to a gradient.

A singular value bounds one step; a spectral radius says where many steps of one and the same matrix end. They agree
for normal matrices alone, and a recurrent weight is seldom one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """The spectrum of a square matrix; see `spectrum`.

    Attributes:
        singular_values: largest first.
        eigenvalues: complex, the one of the largest absolute value first.
        gain: g, a bound for the slope of the nonlinearity.
        matrix: what it is the spectrum of.

    >>> found = spectrum([[0.5, 2.0], [0.0, 0.5]])
    >>> found.moduli, found.spectral_radius, round(found.norm, 4)  # 1/2, though one step may stretch by 1 + √5/2
    (array([0.5, 0.5]), 0.5, 2.118)
    >>> print(found.implies.splitlines()[1][:75])
    Spectral radius 0.5, below 1: the matrix's powers tend to 0, so in a linear
    """

    singular_values: Array
    eigenvalues: Array
    gain: float
    matrix: Array

    @property
    def moduli(self) -> Array:
        """The absolute values of the eigenvalues, largest first."""
        return np.abs(self.eigenvalues)

    @property
    def norm(self) -> float:
        """The largest singular value: by how much one application of the matrix can stretch a vector."""
        return float(self.singular_values[0])

    @property
    def spectral_radius(self) -> float:
        """The largest modulus of an eigenvalue: the factor a step by which high powers grow or shrink."""
        return float(self.moduli[0])

    @property
    def implies(self) -> str:
        """What the two largest do and do not imply for a gradient that goes back through many steps, in words."""
        return f"{self._norm_implies()}\n{self._radius_implies()}"

    def _norm_implies(self) -> str:
        stretch = self.norm * self.gain
        against = f"{_compared(stretch)} 1/g = {1 / self.gain:.4g}"
        named = f"Largest singular value {self.norm:.4g}, {against}:"
        if _compared(stretch) == "equal to":
            return (
                f"{named} no step makes a gradient longer, so it cannot explode. "
                "It may keep its length or vanish; this does not say which."
            )
        if stretch < 1:
            return (
                f"{named} every step multiplies a gradient's norm by {stretch:.4g} at most, so it vanishes, whatever "
                "the inputs. This is sufficient to vanish, not necessary."
            )
        return (
            f"{named} a step may multiply a gradient's norm by up to {stretch:.4g}. This is necessary to explode, not "
            "sufficient: what one step stretches the next may shrink, and saturated units shrink it too. It does not "
            "rule out vanishing."
        )

    def _radius_implies(self) -> str:
        named = f"Spectral radius {self.spectral_radius:.4g}, {_compared(self.spectral_radius)} 1:"
        nonlinear = "With a nonlinearity it implies nothing by itself: each step then has another matrix."
        if _compared(self.spectral_radius) == "equal to":
            return (
                f"{named} the matrix's powers neither tend to 0 nor grow exponentially, and so it is with gradients in "
                "a linear network. If the matrix cannot be diagonalised, they may grow as a polynomial of the steps. "
                f"{nonlinear}"
            )
        if self.spectral_radius < 1:
            return (
                f"{named} the matrix's powers tend to 0, so in a linear network a gradient vanishes in the end. It "
                f"does not say that it shrinks from the first step on: before, it may grow. {nonlinear}"
            )
        return (
            f"{named} the matrix's powers grow without bound, so in a linear network a gradient explodes, unless it "
            f"has no part along that eigenvector. {nonlinear}"
        )


def _compared(size: float) -> str:
    """A size against 1; eigenvalues and singular values are not known to the last bits."""
    if math.isclose(size, 1.0, rel_tol=1e-8):
        return "equal to"
    return "below" if size < 1 else "above"


def spectrum(matrix: Any, gain: float = 1.0) -> Spectrum:
    """Singular values and eigenvalues of a recurrent weight or of a Jacobian between states, and what they imply.

    Through n steps of h_t = phi(x_t W_xh + h_(t-1) W_hh + b_h) with |phi'| <= g a gradient's norm grows by at most
    (g sigma_max)^n. So sigma_max(W_hh) < 1/g suffices to vanish, and sigma_max > 1/g is only necessary to explode
    (Pascanu, Mikolov and Bengio, 2013, section 2.1).

    Args:
        matrix: square, such as ``cell.W_hh.data``.
        gain: g: 1 for tanh, relu and identity, 1/4 for sigmoid. It is 1 for a Jacobian, which has phi' in it; what is
            implied then holds for a network in which every step has this Jacobian.

    Raises:
        ValueError: the matrix is not square or not finite, or the gain is not positive.

    >>> found = spectrum([[0.5, 10.0], [0.0, 0.5]])
    >>> round(found.norm, 2), found.spectral_radius
    (10.02, 0.5)
    >>> [line.split(":")[0] for line in found.implies.splitlines()]
    ['Largest singular value 10.02, above 1/g = 1', 'Spectral radius 0.5, below 1']
    """
    array = _square("spectrum", matrix)
    if not gain > 0:
        raise ValueError(f"spectrum: gain is a positive number, not {gain!r}")
    singular_values = np.linalg.svd(array, compute_uv=False)
    eigenvalues = np.linalg.eigvals(array).astype(complex)
    return Spectrum(singular_values, eigenvalues[np.argsort(-np.abs(eigenvalues))], float(gain), array.copy())


def power_norms(matrix: Any, n: int) -> Array:
    """The spectral norms of W^1 .. W^n: how long the longest gradient of length 1 is after so many linear steps.

    Raises:
        ValueError: the matrix is not square or not finite, or n is below 1.

    They need not be monotone. These grow up to the ninth power, and shrink to nothing in the end:

    >>> norms = power_norms([[0.9, 1.0], [0.0, 0.9]], 200)
    >>> norms.argmax() + 1, round(norms.max(), 2), norms[-1] < 1e-6
    (np.int64(9), np.float64(3.91), np.True_)
    """
    array = _square("power_norms", matrix)
    if n < 1:
        raise ValueError(f"power_norms: n is at least 1, not {n!r}")
    norms, power, norm = [], np.eye(len(array)), 1.0
    for _ in range(n):  # W^k is norm * power, apart, so that no product of matrices overflows
        power = power @ array
        stretch = float(np.linalg.norm(power, 2))
        norm *= stretch
        power = power / (stretch or 1.0)
        norms.append(norm)
    return np.array(norms)


def _square(function: str, matrix: Any) -> Array:
    array = np.asarray(matrix, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not array.size or not np.isfinite(array).all():
        raise ValueError(f"{function}: the matrix is square and finite, got shape {array.shape}")
    return array
