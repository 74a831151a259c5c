"""Expectations of products of three and more sines and cosines of centred Gaussians.

With signs s = +-1 in front of the arguments, whose covariances are c,

    E prod exp(i s l) = exp(-Var(sum of s l)/2) = exp(-sum of c_jj/2) prod of exp(-s_j s_k c_jk),

the last product over pairs j < k; sines and cosines are averages over signs. Small covariances
cancel in that average. Then exp(-s s' c) = cosh c - s s' sinh c is multiplied out: what is left are
the choices of pairs, each with its sinh, in which every sine has an odd and every cosine an even
number of them.
"""

from itertools import product

from sympy import Add, Expr, Mul, exp

from tpc.gaussian.closed_function import ClosedFunction


class wave_moment(ClosedFunction):  # noqa: N801
    """E sin(l1) ... sin(ls) cos(l(s+1)) ... cos(lk).

    The arguments are s, k and the covariances of l1, ..., lk row by row, each from its diagonal.
    """

    def formula(self) -> Expr:
        """Return the average over signs."""
        sines, count = int(self.args[0]), int(self.args[1])
        covariances = iter(self.args[2:])
        rows = [[next(covariances) for _ in range(count - i)] for i in range(count)]
        total = []
        for tail in product((1, -1), repeat=count - 1):  # all signs turned give the same
            signs = (1, *tail)
            variance = Add(
                *(
                    (1 if j == 0 else 2) * signs[i] * signs[i + j] * c
                    for i, row in enumerate(rows)
                    for j, c in enumerate(row)
                )
            )
            sign = (-1) ** (sines // 2) * Mul(*signs[:sines])
            total.append(sign * exp(-variance / 2))
        return Add(*total) / 2 ** (count - 1)
