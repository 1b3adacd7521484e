"""How landslide areas are distributed: density by area, rollover, the tail's power law, and an inverse gamma.

Malamud, B. D., Turcotte, D. L., Guzzetti, F. and Reichenbach, P. (2004): Landslide inventories and their statistical
properties. Earth Surface Processes and Landforms 29, 687–711, doi:10.1002/esp.1064.

Clauset, A., Shalizi, C. R. and Newman, M. E. J. (2009): Power-law distributions in empirical data. SIAM Review 51,
661–703, doi:10.1137/070710111.

Stephens, M. A. (1974): EDF statistics for goodness of fit and some comparisons. Journal of the American Statistical
Association 69, 730–737.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

DoubleArray = NDArray[np.float64]

#: Bins of the size–frequency curve for each power of ten.
_BINS: Final = 5
#: Objects that a rollover takes, and a tail, and the three parameters of an inverse gamma.
LEAST: Final = 10
LEAST_TAIL: Final = 50
LEAST_CURVE: Final = 100
#: Share of repeated samples that lie within an interval of confidence.
CONFIDENCE: Final = 0.95


def size_frequency(areas_m2: DoubleArray, *, least_m2: float | None = None) -> dict[str, Any]:
    """Size–frequency curve: probability density by area in logarithmic bins, its rollover, and the tail's exponent.

    The rollover is where the density is highest, of bins with a hundredth of all objects (Malamud et al. 2004); below
    it landslides are missed, or rare. The tail is fitted as ``p(A) ∝ A^−α`` by maximum likelihood,
    ``α = 1 + n / Σ ln(A / A₀)``, from the bound A₀ of a bin on from which the fit is best by the distance of Kolmogorov
    and Smirnov (Clauset et al. 2009). Its interval is exact for that A₀: ``2 (α − 1) Σ ln(A / A₀)`` follows a χ² of
    2 n degrees of freedom, since logarithms of a power law are exponential.

    Args:
        areas_m2: positive.
        least_m2: area below which nothing was mapped; the first bin begins there, so that it is not half empty.

    Returns:
        bins (from_m2, to_m2, count, density in 1/m²), rollover_m2 (a bin's geometric middle), alpha, alpha_low,
        alpha_high (95 % of confidence), tail_from_m2, tail_count and tail_rejected (as `rejected` has it); None where
        there are too few: ten for the rollover, fifty above A₀.
    """
    result: dict[str, Any] = {"bins": [], "rollover_m2": None} | dict.fromkeys(
        ("alpha", "alpha_low", "alpha_high", "tail_from_m2", "tail_count", "tail_rejected")
    )
    if not len(areas_m2):
        return result
    low, high = np.floor(_BINS * np.log10(areas_m2.min())), np.floor(_BINS * np.log10(areas_m2.max())) + 1
    edges = 10 ** (np.arange(low, high + 1) / _BINS)
    # A rounding error must not put the extremes out of the last bins.
    edges[0], edges[-1] = min(edges[0], areas_m2.min()), max(edges[-1], np.nextafter(areas_m2.max(), np.inf))
    if least_m2 is not None and edges[0] < least_m2 <= areas_m2.min():
        edges[0] = least_m2
    counts = np.histogram(areas_m2, bins=edges)[0]
    density = counts / np.diff(edges) / len(areas_m2)
    result["bins"] = [
        {"from_m2": float(a), "to_m2": float(b), "count": int(count), "density": float(d)}
        for (a, b), count, d in zip(pairwise(edges), counts, density, strict=True)
    ]
    if len(areas_m2) >= LEAST:
        peak = int(np.where(counts >= len(areas_m2) / 100, density, 0).argmax())
        result["rollover_m2"] = float(np.sqrt(edges[peak] * edges[peak + 1]))
        fits = [_tail(areas_m2, float(edge)) for edge in edges[peak:-1] if (areas_m2 >= edge).sum() >= LEAST_TAIL]
        if fits:
            distance, result["alpha"], result["tail_from_m2"] = min(fits)
            result["tail_count"] = int((areas_m2 >= result["tail_from_m2"]).sum())
            result["alpha_low"], result["alpha_high"] = interval(result["alpha"], result["tail_count"])
            result["tail_rejected"] = rejected(distance, result["tail_count"])
    return result


def _tail(areas_m2: DoubleArray, bound: float) -> tuple[float, float, float]:
    """Distance of Kolmogorov and Smirnov, exponent and bound of the power law above a bound."""
    tail = np.sort(areas_m2[areas_m2 >= bound])
    alpha = 1 + len(tail) / max(float(np.log(tail / bound).sum()), 1e-12)
    theory = 1 - (tail / bound) ** (1 - alpha)
    steps = np.arange(len(tail) + 1) / len(tail)
    return float(max(np.abs(theory - steps[1:]).max(), np.abs(theory - steps[:-1]).max())), float(alpha), bound


def interval(alpha: float, count: int) -> tuple[float, float]:
    """The exponents that 95 % of confidence leaves for one that was fitted to ``count`` areas above a given bound."""
    tails = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
    low, high = (1 + (alpha - 1) * float(stats.chi2.ppf(q, 2 * count)) / (2 * count) for q in tails)
    return low, high


def rejected(distance: float, count: int) -> bool:
    """Whether a power law whose exponent was fitted describes a tail so badly that chance would one time in twenty.

    Logarithms of a power law are exponential, for which Stephens (1974) gives the limit of the distance of Kolmogorov
    and Smirnov where the mean was fitted: ``(D − 0.2 / n) (√n + 0.26 + 0.5 / √n) > 1.094``. A start that was chosen
    for the best fit makes it rarer.
    """
    root = float(np.sqrt(count))
    return (distance - 0.2 / count) * (root + 0.26 + 0.5 / root) > 1.094


@dataclass(frozen=True)
class InverseGamma:
    """The three-parameter inverse gamma of Malamud et al. (2004, eq. 3), cut off below the least area mapped.

    ``p(A) = (a / (A − s))^(ρ+1) exp(−a / (A − s)) / (a Γ(ρ))``, divided by its share above ``least_m2``. Its tail falls
    with the exponent ρ + 1.

    Attributes:
        rho: exponent of the tail less one.
        a_m2: where the density rolls over.
        s_m2: where it begins; below 0 as a rule.
        least_m2: area below which nothing was mapped.
    """

    rho: float
    a_m2: float
    s_m2: float
    least_m2: float

    @property
    def rollover_m2(self) -> float:
        """Area of the highest density, ``s + a / (ρ + 1)``; below ``least_m2`` it was not seen."""
        return self.s_m2 + self.a_m2 / (self.rho + 1)

    @property
    def seen(self) -> bool:
        """Whether the rollover lies above the least area that was mapped."""
        return self.rollover_m2 > self.least_m2

    def density(self, areas_m2: DoubleArray) -> DoubleArray:
        """Probability density in 1/m² at areas of at least ``least_m2``."""
        return np.exp(_log_density(areas_m2, self.rho, self.a_m2, self.s_m2, self.least_m2))

    @classmethod
    def fitted(cls, areas_m2: DoubleArray, *, least_m2: float) -> InverseGamma | None:
        """By maximum likelihood; None where there are fewer than a hundred, or no fit is found.

        Args:
            areas_m2: all at least ``least_m2``.
            least_m2: area below which nothing was mapped, above 0.
        """
        if len(areas_m2) < LEAST_CURVE:
            return None
        # Areas are whole pixels, so there are few different ones.
        values, counts = np.unique(areas_m2, return_counts=True)

        def unlikely(logs: DoubleArray) -> float:
            rho, a, below = np.exp(logs)
            found = -float(counts @ _log_density(values, rho, a, least_m2 - below, least_m2))
            return found if np.isfinite(found) else 1e300

        middle = float(np.median(areas_m2))
        start = np.log([1.4, middle, max(middle, least_m2)])
        best = optimize.minimize(unlikely, start, method="Nelder-Mead", options={"maxiter": 3000, "fatol": 1e-7})
        if not best.success:
            return None
        rho, a, below = np.exp(best.x)
        return cls(float(rho), float(a), float(least_m2 - below), least_m2)


def _log_density(areas: DoubleArray, rho: float, a: float, s: float, least: float) -> DoubleArray:
    """Logarithm of the truncated density; the share above the least area is ``P(ρ, a / (least − s))``."""
    above = areas - s
    share = special.gammainc(rho, a / (least - s))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(
            rho * np.log(a) - special.gammaln(rho) - (rho + 1) * np.log(above) - a / above - np.log(share)
        )
