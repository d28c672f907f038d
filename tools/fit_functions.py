#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fits the coefficients of src/kernel/elementwise.inc: exp and erf in fp32.

exp(f) on [-ln2/2, ln2/2] as a polynomial in f; erf(z) on [-4, 4] as z P(z^2) / Q(z^2), Q(0) = 1. Both by iteratively
reweighted least squares (Lawson), which tends to the minimax fit. Prints C arrays and the error in fp32 arithmetic.
Needs numpy. Run: tools/fit_functions.py
"""
import math
import numpy as np


def lawson(rows, target, scale, rounds=400):
    """Coefficients c with rows @ c close to target where error is measured as |rows @ c - target| * scale."""
    weight = np.full(len(target), 1.0)
    best, best_error = None, math.inf
    for _ in range(rounds):
        w = np.sqrt(weight) * scale
        c = np.linalg.lstsq(rows * w[:, None], target * w, rcond=None)[0]
        error = np.abs((rows @ c - target) * scale)
        if error.max() < best_error:
            best, best_error = c, error.max()
        weight = weight * (error + 1e-30)
        weight /= weight.sum()
    return best


def c_array(name, values):
    print(f"{name}: " + ", ".join(f"{np.float32(v):.9g}f" for v in values))


def fit_exp(degree=6):
    f = np.cos(np.linspace(0, math.pi, 4001)) * math.log(2) / 2
    powers = np.stack([f**i for i in range(1, degree + 1)], 1)
    c = lawson(powers, np.expm1(f), np.exp(-f))
    c_array("exp, f^1 up", c)
    y = np.zeros_like(f, dtype=np.float32)
    for v in c[::-1]:
        y = ((y + np.float32(v)) * np.float32(f)).astype(np.float32)
    print("  relative error in fp32: %.2e" % np.abs((y + np.float32(1)) / np.exp(f) - 1).max())


def fit_erf(p_degree=6, q_degree=4, limit=4.0):
    z = (1 - np.cos(np.linspace(0, math.pi / 2, 6001))) * limit + 1e-6
    erf = np.array([math.erf(v) for v in z])
    t = z * z
    scale = np.ones_like(z)
    for _ in range(30):  # linearised: P - erf/z (Q - 1) = erf/z, weighted by z / Q of the round before
        rows = np.concatenate([np.stack([t**i for i in range(p_degree + 1)], 1),
                               -np.stack([t**i for i in range(1, q_degree + 1)], 1) * (erf / z)[:, None]], 1)
        # Absolute error, with small z weighted up so that the result is also relatively good there.
        c = lawson(rows, erf / z, scale * z / np.minimum(1.0, z + 0.2), rounds=60)
        q = 1 + sum(c[p_degree + i] * t**i for i in range(1, q_degree + 1))
        scale = 1 / q
    p, q = c[:p_degree + 1], np.concatenate([[1.0], c[p_degree + 1:]])
    c_array("erf P, z^0 up", p)
    c_array("erf Q, z^0 up", q)
    x = np.linspace(-6, 6, 1_000_001).astype(np.float32)
    zc = np.clip(x, -limit, limit).astype(np.float32)
    u = (zc * zc).astype(np.float32)
    num, den = np.zeros_like(u), np.zeros_like(u)
    for v in p[::-1]:
        num = (num * u + np.float32(v)).astype(np.float32)
    for v in q[::-1]:
        den = (den * u + np.float32(v)).astype(np.float32)
    y = (zc * num / den).astype(np.float32)
    exact = np.array([math.erf(float(v)) for v in x[::10]])
    print("  absolute error in fp32: %.2e" % np.abs(y[::10] - exact).max(), " erf(limit) =", y[-1])


if __name__ == "__main__":
    fit_exp()
    fit_erf()
