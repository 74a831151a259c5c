"""The refusal: an expectation that has no closed form here, and the factor that is to blame."""

from sympy import Expr


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
