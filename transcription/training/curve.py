"""Draw a training run's learning curve: `python -m transcription.training.curve LOG.jsonl CURVE.svg`.

Shows the tune error (mean over sets, greedy, every set thin) and the training loss over the lines seen.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from transcription.errors import BadInput

_WIDTH, _HEIGHT = 860, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 120, 20, 44

Points = list[tuple[float, float]]


def read_log(path: Path) -> tuple[Points, Points, dict[str, Points]]:
    """(lines, loss), (lines, mean tune CER) and the latter by set. Raises BadInput when nothing was evaluated."""
    losses: Points = []
    means: Points = []
    sets: dict[str, Points] = {}
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            entry = json.loads(text)
        except ValueError as error:
            raise BadInput(f"{path}, line {number} is not JSON ({error}); give the log.jsonl of a run.") from error
        if "loss" in entry:
            losses.append((entry["lines"], entry["loss"]))
        if "tune_cer" in entry:
            means.append((entry["lines"], entry["mean"]))
            for name, value in entry["tune_cer"].items():
                sets.setdefault(name, []).append((entry["lines"], value))
    if not means:
        raise BadInput(f"{path} holds no evaluation yet; wait until the run has written its first tune_cer.")
    return losses, means, sets


def draw(path: Path) -> str:
    """The curve of one log as SVG. Raises BadInput as ``read_log`` does."""
    losses, means, sets = read_log(path)
    right = max(x for x, _ in [*losses, *means])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="11" role="img" aria-label="Learning curve">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
    ]
    for tenth in range(0, 11, 2):
        y = _y(tenth / 10)
        parts.append(f'<path d="M{_LEFT} {y:.0f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{tenth * 10} %</text>')
    for quarter in range(5):
        x = _x(right * quarter / 4, right)
        parts.append(
            f'<text x="{x:.0f}" y="{_HEIGHT - 24}" text-anchor="middle">{right * quarter / 4000:,.0f} k lines</text>'
        )
    parts.append(_line(losses, right, "#c7c7c7", 1.0))
    parts += [_line(points, right, "#9db8d9", 0.8) for points in sets.values()]
    parts.append(_line(means, right, "#174a8c", 2.5))
    labels = [(means[-1][1], f"mean {means[-1][1]:.1%}", "#174a8c")]
    labels += [(points[-1][1], name, "#5d7da6") for name, points in sets.items()]
    parts += _labels(labels)
    parts.append(
        f'<text x="{_LEFT}" y="{_HEIGHT - 6}">tune CER (mean bold, sets thin) and training loss (gray, nats a '
        f"character) over line samples seen</text></svg>"
    )
    return "\n".join(parts) + "\n"


def _x(lines: float, right: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * lines / max(1.0, right)


def _y(value: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - min(1.0, value))


def _line(points: Points, right: float, color: str, width: float) -> str:
    path = " ".join(f"{_x(x, right):.1f},{_y(y):.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{width}"/>'


def _labels(labels: Sequence[tuple[float, str, str]]) -> list[str]:
    """Labels at the right, pushed apart so that none covers another."""
    parts, last = [], -100.0
    for value, text, color in sorted(labels, reverse=True):
        last = max(_y(value) + 4, last + 12)
        parts.append(f'<text x="{_WIDTH - _RIGHT + 6}" y="{last:.0f}" fill="{color}">{escape(text)}</text>')
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("curve", type=Path)
    given = parser.parse_args()
    given.curve.write_text(draw(given.log), encoding="utf-8")


if __name__ == "__main__":
    main()
