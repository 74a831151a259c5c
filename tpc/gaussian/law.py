"""The joint law of Gaussian coordinates, given that some affine forms of them vanish.

For forms f, g and the given forms S, with Gram determinants Gr(f S; g S) of covariances,

    Cov(f, g | S = 0) = Gr(f S; g S) / Gr(S; S),
    E[f | S s = 0] = E[f | S = 0] - Cov(f, s | S) E[s | S = 0] / Var(s | S).

Tilting by exp(b) leaves covariances alone and adds Cov(f, b) to the mean of f.

A Gram determinant is never computed from the covariances of the forms, whose digits cancel where
forms are nearly collinear, but by Cauchy and Binet from minors of the coordinates' covariance:

    Gr(F; G) = sum over I, J of det(F_I) det(G_J) det(C_IJ).

So D = (q1 + 1/2)(q2 + 1/2) - c^2 comes out as gram(q1, q2, c) + q1/2 + q2/2 + 1/4.

Reference:
    Tensor Programs III, Proposition K.3 (conditioning).
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

from sympy import Add, Expr, S, Symbol

from tpc.gaussian.algebra import det2, divide, gram, mean_given
from tpc.gaussian.forms import Form, coefficient_determinant

Covariance = Mapping[tuple[Symbol, Symbol], Expr]


class Law:
    """A joint Gaussian law of coordinates, conditioned on forms being zero."""

    def __init__(
        self,
        covariance: Covariance,
        means: Mapping[Symbol, Expr],
        given: tuple[Form, ...] = (),
        before: "Law | None" = None,
    ) -> None:
        """Take covariances of coordinates, both orders of a pair, and means; absent ones are 0."""
        self.covariance = covariance
        self.means = means
        self.given = given
        self._before = before
        self._slope: Form | None = None
        self._grams: dict[tuple[tuple[Form, ...], tuple[Form, ...]], Expr] = {}

    def with_coordinates(self, variances: Mapping[Symbol, Expr]) -> "Law":
        """Add independent centred coordinates to a law in which nothing is given."""
        assert self._before is None
        added = {(x, x): variance for x, variance in variances.items()}
        return Law({**self.covariance, **added}, self.means)

    def conditioned(self, form: Form) -> "Law":
        """Return the law given that one more form is zero."""
        return Law(self.covariance, self.means, (*self.given, form), self)

    def tilted(self, slope: Form) -> "Law":
        """Return the law of density proportional to this one's times exp(slope)."""
        law = Law(self.covariance, self.means, self.given, self)
        law._slope = slope
        return law

    def cov(self, f: Form, g: Form) -> Expr:
        """Return the covariance of two forms."""
        if not self.given:
            return self._gram((f,), (g,))
        numerator = self._gram((*self.given, f), (*self.given, g))
        return divide(numerator, self._gram(self.given, self.given))

    def var(self, f: Form) -> Expr:
        """Return the variance of a form."""
        return self.cov(f, f)

    def det(self, f: Form, g: Form) -> Expr:
        """Return the determinant of the covariance of two forms."""
        forms = (*self.given, f, g)
        return divide(self._gram(forms, forms), self._gram(self.given, self.given))

    def minor(self, rows: tuple[Form, Form], columns: tuple[Form, Form]) -> Expr:
        """Return the determinant of the covariances of two forms with two others."""
        numerator = self._gram((*self.given, *rows), (*self.given, *columns))
        return divide(numerator, self._gram(self.given, self.given))

    def det3(self, f: Form, g: Form, h: Form) -> Expr:
        """Return the determinant of the covariance of three forms."""
        forms = (*self.given, f, g, h)
        return divide(self._gram(forms, forms), self._gram(self.given, self.given))

    def gram(self, forms: tuple[Form, ...]) -> Expr:
        """Return the determinant of the unconditioned covariance of some forms."""
        return self._gram(forms, forms)

    def mean(self, f: Form) -> Expr:
        """Return the mean of a form."""
        if self._before is None:
            return Add(f.constant, *(a * self.means.get(x, S.Zero) for x, a in f.terms))
        mean = self._before.mean(f)
        if self._slope is not None:
            return mean + self._before.cov(f, self._slope)
        last = self.given[-1]
        level = self._before.mean(last)
        if level == 0:
            return mean
        variances = self._before.var(f), self._before.var(last)
        singular = self._before.cov(f, last), self._before.det(f, last)
        return mean_given(mean, level, *variances, *singular)

    def _gram(self, rows: tuple[Form, ...], columns: tuple[Form, ...]) -> Expr:
        if not rows:
            return S.One
        key = rows, columns
        if key not in self._grams:
            left, right = _minors(rows), _minors(columns)
            self._grams[key] = Add(
                *(a * b * self._minor(i, j) for i, a in left for j, b in right if a != 0 and b != 0)
            )
        return self._grams[key]

    def _minor(self, rows: Sequence[Symbol], columns: Sequence[Symbol]) -> Expr:
        """Return a minor of the coordinates' covariance."""
        entries = [[self.covariance.get((x, y), S.Zero) for y in columns] for x in rows]
        match entries:
            case [[a]]:
                return a
            case [[a, c], [d, b]]:
                return gram(a, b, c) if tuple(rows) == tuple(columns) else det2(a, b, c, d)
        # Expand along the row with fewest entries: noise has one.
        k = min(range(len(rows)), key=lambda row: sum(entry != 0 for entry in entries[row]))
        others = [*rows[:k], *rows[k + 1 :]]
        return Add(
            *(
                (-1) ** (k + j) * entry * self._minor(others, [*columns[:j], *columns[j + 1 :]])
                for j, entry in enumerate(entries[k])
                if entry != 0
            )
        )


def _minors(forms: tuple[Form, ...]) -> list[tuple[tuple[Symbol, ...], Expr]]:
    """Return the choices of as many coordinates as forms, with their determinants."""
    coordinates = sorted({x for form in forms for x, _ in form.terms}, key=_order)
    return [
        (chosen, coefficient_determinant(forms, chosen))
        for chosen in combinations(coordinates, len(forms))
    ]


def _order(coordinate: Symbol) -> tuple[str, int]:
    return coordinate.name, getattr(coordinate, "dummy_index", -1)
