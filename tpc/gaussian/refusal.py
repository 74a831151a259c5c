"""The refusal: an expectation that has no closed form here, and the factor that is to blame."""

from sympy import Expr

OF_EXPONENTIALS = (
    "E exp(c x^2) is finite for 1 - 2 c q > 0 alone, q the variance of x: lower one of the two"
)
"""When expectations of exponentials are finite."""


class NoClosedForm(Exception):
    """No closed form is known for an expectation.

    Attributes:
        factor: The factor of the integrand that cannot be integrated.
        reason: Why, in a few words.
    """

    def __init__(self, factor: Expr, reason: str) -> None:
        super().__init__(f"no closed form: {factor}: {reason}")
        self.factor = factor
        self.reason = reason


class InfiniteExpectation(NoClosedForm):
    """An expectation that is infinite, or does not exist.

    Attributes:
        condition: When such expectations are finite.
    """

    def __init__(self, factor: Expr, reason: str, condition: str = OF_EXPONENTIALS) -> None:
        super().__init__(factor, reason)
        self.condition = condition

    @classmethod
    def of(cls, factor: Expr, excess: Expr) -> "InfiniteExpectation":
        """Make the refusal of exp(c x^2), whose excess 1 - 2 c q is not positive."""
        return cls(factor, f"infinite, for 1 - 2 c q = {float(excess):.6g}")
