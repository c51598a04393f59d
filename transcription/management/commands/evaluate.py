"""`manage.py evaluate lines|pages PATH --engine NAME | --profile NAME --json`: error rates on ground truth;
`evaluate layout PATH --segmenter NAME --json`: how well lines are found; `evaluate checks PATH [--engine NAME] --json`:
how often checks of texts raise a false alarm; `evaluate passes PATH [--beside NAME] --json`: how far passes err
together; `evaluate promise LINES --collections 500 --json`: whether promises on the error rate are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from transcription.engines.tesseract import Tesseract
from transcription.errors import LonghandError
from transcription.htr.calibration import Calibration
from transcription.steps.profiles import (
    BUNDLED,
    DEFAULT_PROFILE,
    registry,
    segmenter_in_use,
    shipped_calibration,
)
from transcription.training.checks_evaluation import evaluate_checks
from transcription.training.datasets import load_lines
from transcription.training.evaluation import Pass, Report, evaluate_lines, evaluate_pages, page_reader, recipes_of
from transcription.training.layout_evaluation import evaluate_layout
from transcription.training.pass_correlation import find_misreadings
from transcription.training.pass_correlation import report as errors_together
from transcription.training.promise_evaluation import evaluate_promise


class Command(BaseCommand):
    help = (
        "Character and word error rates, strict and normalised, how well lines are found, or false alarms of checks; "
        "per set, with 95 % bootstrap intervals by document."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["lines", "pages", "layout", "checks", "passes", "promise"])
        parser.add_argument("path", type=Path, help="folder of line sets or pages, or images beside .txt, ALTO or PAGE")
        reader = parser.add_mutually_exclusive_group()
        reader.add_argument("--engine", help="one engine; tesseract is the baseline")
        reader.add_argument("--profile", help="all passes of a bundled profile and their vote (default: starter)")
        parser.add_argument(
            "--beside", action="append", default=[], metavar="NAME", help="passes: another engine, on plain lines"
        )
        parser.add_argument("--segmenter", help="what finds lines: learned or classical (default: that of new runs)")
        parser.add_argument(
            "--recognition", action="store_true", help="layout: also what is read on true lines and on those found"
        )
        parser.add_argument(
            "--handwriting", action="store_true", help="layout: leave out print, where ground truth or segmenter say so"
        )
        parser.add_argument(
            "--recipe",
            action="append",
            metavar="NAME[:key=value,…][/NAME…]",
            help="the enhancement that --engine reads lines with, such as clahe:clip_limit=4 or background/thicken "
            "(default: plain); given several times, the passes vote",
        )
        parser.add_argument("--split", default="dev")
        parser.add_argument("--limit", type=int, default=0, help="at most so many lines or pages a set")
        parser.add_argument("--collections", type=int, default=500, help="promise: how many are simulated")
        parser.add_argument("--sets", help="comma-separated names (default: all)")
        parser.add_argument("--json", action="store_true", help="print JSON (default: a table)")

    def handle(self, *, what: str, path: Path, json: bool, **options: Any) -> None:
        try:
            report = self._report(what, path, options)
        except LonghandError as error:
            raise CommandError(error.message) from error
        tables = {
            "layout": _as_layout_table,
            "checks": _as_checks_table,
            "passes": _as_passes_table,
            "promise": _as_rows,
        }
        table = tables.get(what, _as_table)
        self.stdout.write(_as_json(report) if json else table(report))

    def _report(self, what: str, path: Path, options: dict[str, Any]) -> Report:
        if what == "layout":
            return self._layout(path, options)
        if what == "passes":
            return self._passes(path, options)
        if what == "promise":
            return self._promise(path, options)
        return self._checks(path, options) if what == "checks" else self._evaluate(what, path, options)

    def _checks(self, path: Path, options: dict[str, Any]) -> Report:
        """Texts are checked alone; with --engine or --profile also what these read."""
        passes: list[Pass] = []
        if options["engine"]:
            passes = passes_by(options["engine"], options["recipe"] or ["plain"])
        elif options["profile"]:
            passes = passes_of_profile(options["profile"])
        sets = options["sets"].split(",") if options["sets"] else None
        return evaluate_checks(path, options["split"], passes, limit=options["limit"], sets=sets)

    def _passes(self, path: Path, options: dict[str, Any]) -> Report:
        """The passes of --profile (or of --engine with each --recipe), and one by each engine --beside them."""
        passes = (
            passes_by(options["engine"], options["recipe"] or ["plain"])
            if options["engine"]
            else passes_of_profile(options["profile"] or DEFAULT_PROFILE)
        )
        passes += [each for name in options["beside"] for each in passes_by(name, ["plain"])]
        if len(passes) < 2:
            raise CommandError("One pass errs alone; give several --recipe, or an engine --beside it.")
        sets = options["sets"].split(",") if options["sets"] else None
        samples = load_lines(path, options["split"], sets=sets, limit=options["limit"])
        return errors_together(find_misreadings(samples, passes), passes)

    def _promise(self, path: Path, options: dict[str, Any]) -> Report:
        calibration = _calibration(options["profile"] or DEFAULT_PROFILE)
        if options["engine"] or calibration is None:
            raise CommandError(
                "A promise rests on calibrated confidence: give no --engine, and a calibrated --profile."
            )
        return evaluate_promise(
            path,
            options["split"],
            passes_of_profile(options["profile"] or DEFAULT_PROFILE),
            calibration,
            collections=options["collections"],
            sets=options["sets"].split(",") if options["sets"] else None,
        )

    def _layout(self, path: Path, options: dict[str, Any]) -> Report:
        if options["engine"] or (options["profile"] and not options["recognition"]):
            raise CommandError("Lines are found by a --segmenter; a --profile reads them with --recognition.")
        passes = passes_of_profile(options["profile"] or DEFAULT_PROFILE) if options["recognition"] else []
        return evaluate_layout(
            path,
            options["split"],
            registry().segmenter(options["segmenter"] or segmenter_in_use()),
            limit=options["limit"],
            sets=options["sets"].split(",") if options["sets"] else None,
            passes=passes,
            handwriting=options["handwriting"],
        )

    def _evaluate(self, what: str, path: Path, options: dict[str, Any]) -> Report:
        sets = options["sets"].split(",") if options["sets"] else None
        split, limit = options["split"], options["limit"]
        if options["recipe"] and options["engine"] in (None, "tesseract"):
            raise CommandError("--recipe needs --engine with an engine of settings.ENGINES, such as starter.")
        if options["engine"] == "tesseract":
            tesseract = Tesseract()
            if what == "pages":
                return evaluate_pages(path, split, tesseract.read_page, limit=limit, sets=sets)
            passes = [Pass("tesseract", "tesseract", tesseract)]
        elif options["engine"]:
            passes = passes_by(options["engine"], options["recipe"] or ["plain"])
        else:
            passes = passes_of_profile(options["profile"] or DEFAULT_PROFILE)
        if what == "lines":
            calibration = None if options["engine"] else _calibration(options["profile"] or DEFAULT_PROFILE)
            return evaluate_lines(path, split, passes, limit=limit, sets=sets, calibration=calibration)
        reader = page_reader(registry().segmenter(options["segmenter"] or segmenter_in_use()), passes)
        return evaluate_pages(path, split, reader, limit=limit, sets=sets)


def _calibration(profile: str) -> Calibration | None:
    """The bundle that the bundled profile is shipped with."""
    bundle = shipped_calibration(profile)
    return Calibration.from_json(json.dumps(bundle)) if bundle else None


def passes_of_profile(name: str) -> list[Pass]:
    """The passes of a bundled profile, of all its stages, their engines loaded."""
    if name not in BUNDLED:
        raise CommandError(f"No profile is called “{name}”; there are {', '.join(BUNDLED)}.")
    return [
        Pass(
            recipe.name,
            recipe.engine,
            registry().recognizer(recipe.engine),
            recipe.recipe,
            recipe.weight,
            recipe.options,
            registry().voice(recipe.engine),
        )
        for stage in BUNDLED[name]
        for recipe in stage
    ]


def passes_by(engine: str, recipes: list[str]) -> list[Pass]:
    """One pass by the engine of settings for each enhancement."""
    found = recipes_of(engine, registry().recognizer(engine), recipes)
    return [replace(each, voice=registry().voice(engine)) for each in found]


def _as_rows(report: Report) -> str:
    return "\n".join(f"{name.replace('_', ' '):<28}{value}" for name, value in report.items())


def _as_json(report: Report) -> str:
    return json.dumps(report, ensure_ascii=False, indent=2)


def _as_table(report: Report) -> str:
    rows = [f"{'set':<18}{'lines':>6}{'CER':>8}{'norm.':>8}{'95 %':>16}{'WER':>8}"]
    for name, figures in report["sets"].items():
        interval = f"{figures['cer_normalised_low']:.3f}-{figures['cer_normalised_high']:.3f}"
        rows.append(
            f"{name:<18}{figures['lines']:>6}{figures['cer_strict']:>8.3f}{figures['cer_normalised']:>8.3f}"
            f"{interval:>16}{figures['wer_strict']:>8.3f}"
        )
    mean = report["mean"]
    rows.append(
        f"{'mean':<24}{mean['cer_strict']:>8.3f}{mean['cer_normalised']:>8.3f}{'':>16}{mean['wer_strict']:>8.3f}"
    )
    if "gain" in report:
        for name, figures in report["passes"].items():
            rows.append(f"{name:<40}{figures['mean']['cer_normalised']:>8.3f}")
        gain = report["gain"]["mean"]
        rows.append(
            f"the vote misreads {gain['gain']:.1%} less than {report['gain']['over']}, the best of them "
            f"(95 %: {gain['gain_low']:.1%} to {gain['gain_high']:.1%})"
        )
    if "confidence" in report:
        rows += ["", *_confidence_rows(report["confidence"])]
    return "\n".join(rows)


def _as_passes_table(report: Report) -> str:
    rows = [f"{'pass':<28}{'words wrong':>12}"]
    rows += [f"{name:<28}{share:>12.3f}" for name, share in report["wrong"].items()]
    rows.append(f"{'errors together':<58}{'correlation':>12}")
    for pair in report["pairs"]:
        rows.append(f"{' and '.join(pair['passes']):<58}{pair['correlation']:>12.3f}")
    for voice in report["voices"]:
        interval = f"{voice['correlation_low']:.3f}-{voice['correlation_high']:.3f}"
        count = len(voice["passes"])
        said = f"one voice, {count} passes: {voice['effective_votes']:.2f} votes"
        rows.append(f"{said:<58}{voice['correlation']:>12.3f}  95 %: {interval}")
    return "\n".join(rows)


def _confidence_rows(found: Report) -> Iterator[str]:
    """How far confidences hold: a row a set, then words and lines in bins, predicted beside observed."""
    yield (
        f"{'confidence':<18}{'words':>7}{'right':>7}{'ECE':>7}{'AUROC':>7}{'found':>7}  "
        f"{'good lines':>10}{'said':>7}{'ECE':>7}{'AUROC':>7}  {'page CER':>8}{'said':>7}{'gap':>7}"
    )
    for name, figures in [*((name, found[name]) for name in found if name != "all"), ("all", found["all"])]:
        words = "".join(_cell(figures, key, 7) for key in ("share_right", "ece", "auroc", "errors_found"))
        lines, pages = figures.get("good_lines", {}), figures.get("pages", {})
        good = _cell(lines, "share", 10) + "".join(_cell(lines, key, 7) for key in ("expected_share", "ece", "auroc"))
        rates = _cell(pages, "cer", 8) + "".join(_cell(pages, key, 7) for key in ("expected_cer", "mean_gap"))
        yield f"{name:<18}{figures['words']:>7}{words}  {good}  {rates}"
    yield "found: wrong words among the 20 % most doubtful, of the most that any ranking could put there"
    for title, bins in (
        ("words", found["all"]["reliability"]),
        ("good lines", found["all"].get("good_lines", {}).get("reliability", [])),
    ):
        for each in bins:
            yield (
                f"{title:<12}{each['low']:.1f}-{each['high']:.1f}{each['n']:>7}  predicted {each['predicted']:.3f}  "
                f"observed {each['observed']:.3f} ({each['lowest']:.3f}-{each['highest']:.3f})"
            )


_CHECKED = {
    "texts": "true texts",
    "readings": "what was read",
    "against": "true texts against it",
    "elsewhere": "texts of other lines",
}


def _as_checks_table(report: Report) -> str:
    """One row for each kind of text: how many were looked at, which share failed and by which checks."""
    rows = [f"{'texts':<24}{'lines':>7}{'failed':>8}{'share':>9}  checks"]
    for kind, title in _CHECKED.items():
        if kind in report:
            figures = report[kind]["all"]
            codes = ", ".join(f"{code} {count}" for code, count in figures["codes"].items())
            rows.append(f"{title:<24}{figures['lines']:>7}{figures['flagged']:>8}{figures['share']:>9.2%}  {codes}")
    rows += [f"{each['kind']}: {each['code']} ({each['detail']}): {each['text']}" for each in report["examples"]]
    return "\n".join(rows)


def _as_layout_table(report: Report) -> str:
    """One row a set; reading columns where texts were read, “-” where the ground truth cannot tell."""
    rows = [
        f"{'set':<16}{'pages':>6}{'lines':>7}{'found':>7}{'error':>8}{'a page':>8}{'prec.':>7}{'recall':>7}"
        f"{'F1':>7}{'95 %':>13}{'order':>7}{'moves':>7}{'CPU s':>7}{'most':>7}{'CER found':>11}{'true':>7}{'diff.':>7}"
    ]
    for name, figures in [*report["sets"].items(), ("mean", report["mean"])]:
        counts = "".join(f"{figures.get(key, ''):>{width}}" for key, width in _COUNTS)
        interval = f"{figures['f1_low']:.3f}-{figures['f1_high']:.3f}" if "f1_low" in figures else ""
        scores = "".join(_cell(figures, key, width) for key, width in _SCORES)
        rest = "".join(_cell(figures, key, 7) for key in ("order_kendall", "order_moves"))
        times = "".join(_cell(figures, key, 7, 2) for key in ("cpu_seconds_median", "cpu_seconds_max"))
        read = _cell(figures.get("found", {}), "cer_normalised", 11) + _cell(
            figures.get("true", {}), "cer_normalised", 7
        )
        rows.append(
            f"{name:<16}{counts}{scores}{interval:>13}{rest}{times}{read}"
            + _cell(figures, "cer_normalised_difference", 7)
        )
    return "\n".join(rows)


_COUNTS = (("pages", 6), ("lines_true", 7), ("lines_found", 7))
_SCORES = (("line_error", 8), ("page_line_error", 8), ("precision", 7), ("recall", 7), ("f1", 7))


def _cell(figures: dict[str, Any], key: str, width: int, digits: int = 3) -> str:
    return f"{figures[key]:>{width}.{digits}f}" if figures.get(key) is not None else f"{'-':>{width}}"
