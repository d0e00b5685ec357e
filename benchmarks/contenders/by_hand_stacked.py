"""NumPy by hand, by somebody who knows how: what needn't wait for the step before is done for all steps at once.

Before the first step all x_t W_xh, after the last one all read-outs and losses; on the way back first all that the
read-outs and the slopes of the gates contribute, then the walk through time, and last each weight's gradient as one
product. Memory is set aside once and written into in each pass. A batch of one is a vector, since vector times matrix
is quicker than a matrix of one row times a matrix.
"""

from typing import Any

import numpy as np

from benchmarks.problems import Array, Problem, Step


def stacked(problem: Problem) -> Step:
    T, N, V = problem.xs.shape
    X, targets, every = problem.xs.reshape(T * N, V), problem.targets.ravel(), np.arange(T * N)
    state = [part[0] if N == 1 else part for part in problem.state]
    net: Any = LSTM(T, *state) if len(state) == 2 else RNN(T, *state)
    Z, H, before, dZ = (rows(part, T * N) for part in (net.Z, net.hs[1:], net.hs[:-1], net.dZ))
    dY, dH = np.empty((T * N, V), X.dtype), np.empty_like(H)

    def step() -> tuple[float, dict[str, Array]]:
        W_xh, W_hh, b_h, W_hy, b_y = problem.weights.values()
        np.dot(X, W_xh, out=Z)
        np.add(Z, b_h, out=Z)
        net.forward(W_hh)
        np.dot(H, W_hy, out=dY)  # y_t at first
        np.add(dY, b_y, out=dY)
        np.subtract(dY, dY.max(axis=1, keepdims=True), out=dY)
        np.exp(dY, out=dY)
        np.divide(dY, dY.sum(axis=1, keepdims=True), out=dY)
        loss = -np.log(dY[every, targets]).sum()

        dY[every, targets] -= 1
        np.dot(dY, W_hy.T, out=dH)
        net.backward(dH.reshape(net.hs[1:].shape), W_hh.T.copy())
        grads = {"W_xh": X.T @ dZ, "W_hh": before.T @ dZ, "b_h": dZ.sum(axis=0)}
        return float(loss), grads | {"W_hy": H.T @ dY, "b_y": dY.sum(axis=0)}

    return step


def rows(array: Array, count: int) -> Array:
    """A view with all steps of all sequences one below the other."""
    return array.reshape(count, -1)


class RNN:
    """h_0 .. h_T in ``hs``, from ``Z``, what the inputs contribute to each z_t; dL/dz_t in ``dZ``."""

    def __init__(self, T: int, h0: Array) -> None:
        self.hs = np.empty((T + 1, *h0.shape), h0.dtype)
        self.hs[0] = h0
        self.Z, self.dZ = np.empty_like(self.hs[1:]), np.empty_like(self.hs[1:])
        self.z = np.empty_like(h0)

    def forward(self, W_hh: Array) -> None:
        h, z = self.hs[0], self.z
        for from_x, after in zip(self.Z, self.hs[1:], strict=True):
            np.dot(h, W_hh, out=z)
            np.add(z, from_x, out=z)
            h = np.tanh(z, out=after)

    def backward(self, dH: Array, W: Array) -> None:
        """``dH`` is what the read-outs contribute to each dL/dh_t, ``W`` is W_hh transposed."""
        H, dZ, dh = self.hs[1:], self.dZ, self.z
        np.multiply(H, H, out=dZ)
        np.subtract(1, dZ, out=dZ)  # the slopes, as yet
        dh.fill(0)
        for dz, from_y in zip(dZ[::-1], dH[::-1], strict=True):
            np.add(dh, from_y, out=dh)
            np.multiply(dz, dh, out=dz)
            np.dot(dz, W, out=dh)


class LSTM:
    """The same with gates i, f, g, o, the quarters of each z_t, and c_0 .. c_T."""

    def __init__(self, T: int, h0: Array, c0: Array) -> None:
        self.hs, self.cs = np.empty((2, T + 1, *h0.shape), h0.dtype)
        self.hs[0], self.cs[0] = h0, c0
        self.tanh_c = np.empty_like(self.hs[1:])
        self.Z, self.dZ = np.empty((2, T, *h0.shape[:-1], 4 * h0.shape[-1]), h0.dtype)
        self.i, self.f, self.g, self.o = np.split(self.Z, 4, axis=-1)  # once their steps are over
        self.z, self.dh, self.dc = np.empty_like(self.Z[0]), np.empty_like(h0), np.empty_like(h0)
        self.half = np.repeat(np.array([0.5, 0.5, 1, 0.5], h0.dtype), h0.shape[-1])
        self.rest = 1 - self.half  # sigmoid(z) = (tanh(z / 2) + 1) / 2

    def forward(self, W_hh: Array) -> None:
        z = self.z
        for t, gates in enumerate(self.Z):
            np.dot(self.hs[t], W_hh, out=z)
            np.add(gates, z, out=gates)
            gates *= self.half
            np.tanh(gates, out=gates)
            gates *= self.half
            gates += self.rest
            c = np.multiply(self.f[t], self.cs[t], out=self.cs[t + 1])
            c += self.i[t] * self.g[t]
            np.multiply(self.o[t], np.tanh(c, out=self.tanh_c[t]), out=self.hs[t + 1])

    def backward(self, dH: Array, W: Array) -> None:
        """``dH`` is what the read-outs contribute to each dL/dh_t, ``W`` is W_hh transposed."""
        i, f, g, o, s, dh, dc = self.i, self.f, self.g, self.o, self.tanh_c, self.dh, self.dc
        slopes = (g * i * (1 - i), self.cs[:-1] * f * (1 - f), i * (1 - g * g), s * o * (1 - o))
        for part, slope in zip(np.split(self.dZ, 4, axis=-1), slopes, strict=True):
            part[...] = slope  # of c, and of h for the last gate, with regard to z
        through_c = o * (1 - s * s)
        by_gate = self.dZ.reshape(*self.dZ.shape[:-1], 4, -1)
        dh.fill(0)
        dc.fill(0)
        for t in reversed(range(len(dH))):
            np.add(dh, dH[t], out=dh)
            dc += dh * through_c[t]
            by_gate[t, ..., :3, :] *= dc[..., None, :]
            by_gate[t, ..., 3, :] *= dh
            dc *= f[t]
            np.dot(self.dZ[t], W, out=dh)
