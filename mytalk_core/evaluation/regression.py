"""Ridge regression in closed form from running sums, so that memory does not grow with the data."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Sums over rows of inputs x (F) and outputs y (K), sufficient for least squares."""

    count: int
    x: Matrix  # (F,) sum of x
    y: Matrix  # (K,) sum of y
    xx: Matrix  # (F, F) sum of x x^T
    xy: Matrix  # (F, K) sum of x y^T
    yy: float  # sum of |y|^2

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.count + other.count,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.xy + other.xy,
            self.yy + other.yy,
        )


@dataclass(frozen=True)
class LinearMap:
    """y = x @ weights + bias."""

    weights: Matrix  # (F, K)
    bias: Matrix  # (K,)

    def __call__(self, x: NDArray[np.floating]) -> NDArray[np.float32]:
        """Map (N, F) to (N, K)."""
        return (x @ self.weights + self.bias).astype(np.float32)


def moments(
    pairs: Iterable[tuple[NDArray[np.floating], NDArray[np.floating]]], block_rows: int = 2048
) -> Moments:
    """Sum over all rows of (x (n, F), y (n, K)) pairs, at least one, in float64.

    Rows are gathered into blocks of about `block_rows` for fast matrix products.
    """
    total: Moments | None = None
    for x, y in _blocks(pairs, block_rows):
        sums = Moments(len(x), x.sum(0), y.sum(0), x.T @ x, x.T @ y, float((y * y).sum()))
        total = sums if total is None else total + sums
    if total is None:
        raise ValueError("no rows to sum over")
    return total


def _blocks(
    pairs: Iterable[tuple[NDArray[np.floating], NDArray[np.floating]]], block_rows: int
) -> Iterable[tuple[Matrix, Matrix]]:
    pending: list[tuple[Matrix, Matrix]] = []
    for x, y in pairs:
        pending.append((x.astype(np.float64), y.astype(np.float64)))
        if sum(len(rows) for rows, _ in pending) >= block_rows:
            yield np.concatenate([p[0] for p in pending]), np.concatenate([p[1] for p in pending])
            pending = []
    if pending:
        yield np.concatenate([p[0] for p in pending]), np.concatenate([p[1] for p in pending])


def ridge(sums: Moments, penalty: float) -> LinearMap:
    """Minimise |Z W - (y - mean y)|^2 / n + penalty |W|^2 over W, Z the standardised inputs.

    Hoerl and Kennard, "Ridge regression", Technometrics 1970. A constant input gets weight zero.
    """
    mean_x, mean_y = sums.x / sums.count, sums.y / sums.count
    covariance = sums.xx / sums.count - np.outer(mean_x, mean_x)
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0))
    # Dividing by a deviation that is rounding error would amplify it.
    alive = deviation > 1e-6 * (1 + np.abs(mean_x))
    gain = np.where(alive, 1 / np.where(alive, deviation, 1), 0)
    correlation = covariance * gain[:, None] * gain
    correlation[np.diag_indices_from(correlation)] += penalty + ~alive
    response = (sums.xy / sums.count - np.outer(mean_x, mean_y)) * gain[:, None]
    weights = solve(correlation, response, assume_a="pos", overwrite_a=True) * gain[:, None]
    return LinearMap(weights, mean_y - mean_x @ weights)


def squared_error(model: LinearMap, sums: Moments) -> float:
    """Return the sum over rows of |model(x) - y|^2 from the sums of those rows."""
    w, b = model.weights, model.bias
    quadratic = float(np.einsum("fk,fk->", w, sums.xx @ w))
    cross = float(np.einsum("fk,fk->", w, sums.xy))
    return (
        quadratic
        + sums.yy
        + sums.count * float(b @ b)
        - 2 * cross
        + 2 * float(sums.x @ w @ b)
        - 2 * float(sums.y @ b)
    )


def choose_penalty(folds: Sequence[Moments], penalties: Sequence[float]) -> float:
    """Return the penalty with the least cross-validation error.

    Args:
        folds: at least two; similar rows (one speaker's) must share a fold.
    """
    total = reduce(Moments.__add__, folds)
    errors = dict.fromkeys(penalties, 0.0)
    for fold in folds:
        rest = Moments(
            total.count - fold.count,
            total.x - fold.x,
            total.y - fold.y,
            total.xx - fold.xx,
            total.xy - fold.xy,
            total.yy - fold.yy,
        )
        for penalty in penalties:
            errors[penalty] += squared_error(ridge(rest, penalty), fold)
    return min(errors, key=errors.__getitem__)
