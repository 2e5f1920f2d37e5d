"""What every method of this package answers with: a value and how far it may be off."""

from __future__ import annotations

import math
from dataclasses import dataclass

LEVEL = 0.95  # of every interval, unless told otherwise


@dataclass(frozen=True)
class Estimate:
    """A value with the two ends of its interval, 95% unless told otherwise."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Inference:
    """A value whose error follows Student's t: `degrees` of freedom above 0, infinity for a normal error.

    `standard_error` is infinite where the data cannot tell, as with one question only; its interval is then the whole
    line and its p value 1.
    """

    mean: float
    standard_error: float
    degrees: float

    def interval(self, level: float = LEVEL) -> Estimate:
        """The symmetric interval that holds the true value with probability `level`, between 0 and 1."""
        half = self.half_width(level)
        return Estimate(self.mean, self.mean - half, self.mean + half)

    def half_width(self, level: float = LEVEL) -> float:
        """Half the length of the interval."""
        if not math.isfinite(self.standard_error):
            return math.inf
        return quantile((1 + level) / 2, self.degrees) * self.standard_error

    def p_value(self, null: float = 0.0) -> float:
        """Two-sided, against the true value being `null`."""
        return 2 * min(self.p_above(null), self.p_below(null))

    def p_above(self, null: float) -> float:
        """One-sided: small where the true value is above `null`."""
        return _cumulative(-self._distance(null), self.degrees)

    def p_below(self, null: float) -> float:
        """One-sided: small where the true value is below `null`."""
        return _cumulative(self._distance(null), self.degrees)

    def _distance(self, null: float) -> float:
        if self.standard_error == 0:
            return math.copysign(math.inf, self.mean - null) if self.mean != null else 0.0
        return (self.mean - null) / self.standard_error


def quantile(probability: float, degrees: float) -> float:
    """Of Student's t with `degrees` of freedom; of the normal distribution where they are infinite."""
    from scipy.special import ndtri, stdtrit

    return float(ndtri(probability) if math.isinf(degrees) else stdtrit(degrees, probability))


def _cumulative(value: float, degrees: float) -> float:
    from scipy.special import ndtr, stdtr

    return float(ndtr(value) if math.isinf(degrees) else stdtr(degrees, value))
