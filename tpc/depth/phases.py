"""Plain loops over a depth: the fixed point of a round, its phase, the classifier it becomes.

With F the map of a round on second moments K(x, x') and D what it passes on, at the variance q*
that a round leaves as it is,

    chi1 = D(q*),     c* = F(c*) the stable fixed point,     chi_c = D(c*).

| phase | correlations | covariance | tangent kernel |
|---|---|---|---|
| ordered, chi1 < 1 | c* = q*, like chi1^l | q* | R / (1 - chi1) |
| critical, chi1 = 1 | 1 - rho like l^(-1 / (p - 1)) | q* | like l, others less |
| chaotic, chi1 > 1 | c* < q*, like chi_c^l | q*, c* | like chi1^l; others R / (1 - chi_c) |

where 1 - kappa(rho) = 1 - rho - A (1 - rho)^p near 1, p = 3/2 at a kink and 2 for smooth functions;
off the diagonal a critical tangent kernel is (p - 1) / (2 p - 1) of that on it.

As a classifier, with kappa(rho) = F(q* rho) / q*, a = kappa'(0), B = kappa'(1): a majority vote
where kappa(0) is not 0, the nearest neighbour where a = 0, and a singular kernel |x - x'|^-alpha,
alpha = -2 log a / log B, where 0 < a < 1 < B.

Reference:
    Radhakrishnan, Belkin and Uhler, Wide and deep neural networks achieve consistency for
        classification, 2023.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import numpy as np

from tpc.depth.rounds import Found, Moments, Pairs, StageMap, TileInputs
from tpc.depth.verdict import DeepMaps

NEAR = 1e-7
"""What differs from 1 by less is critical."""

ROUNDS = 20_000
"""So many rounds are iterated at most."""

LARGEST = 1e12
"""A variance that passes this grows, or vanishes, without end."""


@dataclass(frozen=True, slots=True)
class Phase:
    """The fixed point of a plain round.

    Attributes:
        name: `ordered`, `critical` or `chaotic`.
        growth: By which factor a round multiplies variances, where it is homogeneous; else None.
        q: The variance at the fixed point, 1 where every variance is one.
        c: The covariance of two different inputs there.
        chi1: What a round passes on at equal inputs; relative to `growth`.
        chi_c: The same at different ones.
        exponent: p, where it is critical.
        vote: kappa(0).
        slope: kappa'(0).
        classifier: What it becomes in words.
        alpha: The power of a singular kernel, or None.
        tangent: The tangent kernel of the state at equal inputs and at different ones, R / (1 - D);
            None where it grows.
    """

    name: str
    growth: float | None
    q: float
    c: float
    chi1: float
    chi_c: float
    exponent: float | None
    vote: float
    slope: float
    classifier: str
    alpha: float | None
    tangent: tuple[float | None, float | None]


def phase_of(maps: DeepMaps, shape: tuple[int, ...]) -> Phase | None:
    """Return the fixed point of a plain round, or None where its state has axes or none is finite.

    Args:
        maps: Those of the network.
        shape: That of its inputs.
    """
    if maps.round.pairs.shapes["covariance"]:
        return None
    round_ = _Round(maps.round, shape, maps.mean)
    q, growth = round_.fixed()
    if q is None:
        return None
    factor = growth or 1.0
    chi1 = round_.at(q, q)[1] / factor

    def kappa(rho: float) -> float:
        return round_.at(q, rho * q)[0] / (q * factor)

    exponent = None
    if abs(chi1 - 1) < NEAR:
        name, c, exponent = "critical", q, _exponent(kappa)
    elif chi1 < 1:
        name, c = "ordered", q
    else:
        name, rho = "chaotic", 0.5
        for _ in range(ROUNDS):
            rho, before = kappa(rho), rho
            if abs(rho - before) < 1e-15:
                break
        c = rho * q if abs(rho) > 1e-12 else 0.0
    chi_c = round_.at(q, c)[1] / factor
    vote, slope = kappa(0.0), round_.at(q, 0.0)[1] / factor
    words, alpha = _classifier(name, vote, slope, chi1)
    tangent: tuple[float | None, float | None] = None, None
    if growth is None and name != "critical":
        other = round_.rest(q, c) / (1 - chi_c)
        tangent = (other if name == "ordered" else None), other
    return Phase(name, growth, q, c, chi1, chi_c, exponent, vote, slope, words, alpha, tangent)


def _classifier(name: str, vote: float, slope: float, chi1: float) -> tuple[str, float | None]:
    if abs(vote) > NEAR:
        return "a majority vote: all different inputs have one correlation", None
    if abs(slope) < NEAR:
        return "the nearest neighbour: correlations vanish faster than any power", None
    if name == "chaotic" and slope < 1:
        alpha = -2 * log(slope) / log(chi1)
        return f"a singular kernel, |x - x'|^-{alpha:.6g}", alpha
    return "none: correlations do not fall apart", None


def _exponent(kappa: Callable[[float], float]) -> float | None:
    """Return p of kappa(rho) = rho + A (1 - rho)^p, 3/2 or 2."""
    gaps = [kappa(1 - delta) - (1 - delta) for delta in (1e-3, 1e-4)]
    if min(gaps) <= 0:
        return None
    p = log(gaps[0] / gaps[1]) / log(10)
    return 1.5 if abs(p - 1.5) < 0.1 else 2.0 if abs(p - 2) < 0.1 else p


@dataclass(slots=True)
class _Round:
    """One round on second moments of a pair of inputs of equal variance; means are those of before.

    Attributes:
        round: Its map.
        shape: That of inputs.
        has_mean: Whether states have means.
        mean: The mean of the state.
    """

    round: StageMap
    shape: tuple[int, ...]
    has_mean: bool
    mean: float = 0.0

    def _found(self, q: float, c: float) -> Found:
        square = self.mean**2
        mean = np.array([self.mean]) if self.has_mean else None
        side = Moments(mean, np.array([q - square]))
        pair = Pairs(side, side, np.full((1, 1), c - square), np.zeros((1, 1)))
        places = np.zeros(int(c == q), dtype=int)
        given = np.zeros((1, *self.shape))
        return self.round.of(pair, TileInputs(given, given, (places, places)))

    def at(self, q: float, c: float) -> tuple[float, float]:
        """Return F(c) and D(c) at the variance q."""
        found = self._found(q, c)
        mean = float(found.rows["mean"][0])
        covariance = float(found.pairs["covariance"][0, 0]) + mean**2
        return covariance, float(found.pairs["passed"][0, 0])

    def rest(self, q: float, c: float) -> float:
        """Return R(c), the tangent kernel of the weights of a round."""
        return float(self._found(q, c).pairs["tangent"][0, 0])

    def variance(self, q: float) -> float:
        """Return the second moment behind a round, and keep its mean."""
        found = self._found(q, q).rows
        self.mean = float(found["mean"][0]) if self.has_mean else 0.0
        return float(found["covariance"][0]) + self.mean**2

    def fixed(self) -> tuple[float | None, float | None]:
        """Return the variance that a round leaves, and the factor where it is homogeneous."""
        one, two = self.variance(1.0), self.variance(2.0)
        if abs(two - 2 * one) < 1e-9:
            return 1.0, None if abs(one - 1) < 1e-9 else one
        q = 1.0
        for _ in range(ROUNDS):
            q, before = self.variance(q), q
            if not np.isfinite(q) or q > LARGEST:
                return None, None
            if abs(q - before) <= 1e-15 * q:
                break
        return (q, None) if q > 1 / LARGEST else (None, None)
