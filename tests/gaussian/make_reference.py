"""Computes reference.json, which holds E f(z1) g(z2) by quadrature in 50 digits.

The expectation is the integral of f(sqrt(p) x) E[g(z2) | x] phi(x), split at the kink and at a
ladder of scales. The textbook smoothings E[g | x] are first checked by a quadrature of their own.
Run as `python -m tests.gaussian.make_reference`; it takes a quarter of an hour.
"""

import json
from pathlib import Path

import mpmath as mp

from tests.gaussian.pairs import INNER, OUTER, PAIRS, Inner, Outer, pdf, points

DIGITS = 50
FILE = Path(__file__).with_name("reference.json")


def ladder(smallest: mp.mpf) -> list[mp.mpf]:
    """Return break points from -16 to 16, denser towards 0."""
    steps = [mp.mpf(16), mp.mpf(6), mp.mpf(2)]
    while steps[-1] > smallest:
        steps.append(steps[-1] / 6)
    return [*(-s for s in steps), mp.mpf(0), *reversed(steps)]


def expectation(
    f: Outer, g: Inner, p: float, q: float, c: float, means: tuple[float, float] = (0.0, 0.0)
) -> mp.mpf:
    p, q, c = mp.mpf(p), mp.mpf(q), mp.mpf(c)
    m, n = (mp.mpf(mean) for mean in means)
    if p == 0:
        return f.value(m) * smooth(g, n, mp.sqrt(q))
    slope, rest = c / mp.sqrt(p), mp.sqrt(q - c * c / p)

    def integrand(x: mp.mpf) -> mp.mpf:
        return pdf(x) * f.value(m + mp.sqrt(p) * x) * smooth(g, n + slope * x, rest)

    scales = [1, 1 / mp.sqrt(p)]
    if slope != 0:
        scales += [rest / abs(slope), (1 + rest) / abs(slope)]
    steps = ladder(min(s for s in scales if s > 0) / 4)
    kinks = [-m / mp.sqrt(p), *([-n / slope] if slope != 0 else [])]
    breaks = sorted({*steps, *(step + kink for step in steps for kink in kinks if kink != 0)})
    rough = mp.quad(integrand, breaks)
    if rough == 0 or abs(rough) > mp.mpf(10) ** -4:
        return rough
    # The quadrature stops at an absolute error: once more at the scale of the result.
    return mp.quad(lambda x: integrand(x) / rough, breaks) * rough


def smooth(g: Inner, a: mp.mpf, b: mp.mpf) -> mp.mpf:
    return g.value(a) if b == 0 else g.smoothed(a, b)


def check_smoothings() -> None:
    for name, g in INNER.items():
        for a, b in ((0.3, 1.2), (-1.1, 0.4)):
            a, b = mp.mpf(a), mp.mpf(b)
            value = mp.quad(
                lambda x, a=a, b=b, g=g: pdf(x) * g.value(a + b * x),
                sorted([-16, -4, -1, 0, 1, 4, 16, -a / b]),
            )
            assert mp.almosteq(value, g.smoothed(a, b), mp.mpf(10) ** -40), name


def main() -> None:
    mp.mp.dps = DIGITS
    check_smoothings()
    table: dict[str, list[str]] = {}
    for first, second in PAIRS:
        values = [
            expectation(OUTER[first], INNER[second], *point) for point in points((first, second))
        ]
        table[f"{first} * {second}"] = [mp.nstr(value, 30) for value in values]
        FILE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
