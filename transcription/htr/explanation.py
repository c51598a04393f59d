"""Why a word is as sure as it is: what each of its features adds to or takes from the confidence of an average word.

The model is logistic, so that a cause is what its features together add to the logit; features that say nearly the same
are one cause, as the weights of two such may have opposite signs.
"""

from __future__ import annotations

from collections.abc import Sequence

from transcription.htr.calibration import Calibration, Value

CAUSES: dict[str, tuple[str, ...]] = {
    "passes": ("support", "margin", "alternatives", "votes"),
    "characters": ("min_char", "mean_char"),
    "line": ("agreement",),
    "kind": ("length", "letters"),
    "belief": ("belief",),
    "known": ("known",),
}
OTHER = "other"  # features that no cause names


def causes_of(calibration: Calibration, values: Sequence[Value]) -> dict[str, float]:
    """By how much each cause raises or lowers P(right), in [-1, 1], from where it would stand if the word were average
    in that respect; the strongest first. Empty where ``values`` are not those of ``calibration``."""
    if len(values) != len(calibration.features):
        return {}
    owner = {feature: cause for cause, features in CAUSES.items() for feature in features}
    values_of = dict(zip(calibration.features, values, strict=True))
    means = dict(zip(calibration.features, calibration.means, strict=True))
    stands = calibration.probability(values)
    found: dict[str, float] = {}
    for cause in dict.fromkeys(owner.get(feature, OTHER) for feature in calibration.features):
        average = [
            means[feature] if owner.get(feature, OTHER) == cause else value for feature, value in values_of.items()
        ]
        found[cause] = stands - calibration.probability(average)
    return dict(sorted(found.items(), key=lambda moved: -abs(moved[1])))
