"""The sample collection: which pages there are, and the files in which they are uploaded."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from transcription.htr.records import Gray
from transcription.training.sample.drawing import draw_page, page_lines
from transcription.training.sample.hands import Hand
from transcription.training.sample.layouts import PageSpec
from transcription.training.sample.paper import Paper

_DPI = 200
_MAX_JPEG = 390_000  # bytes
_EPOCH = time.gmtime(946_684_800)  # PDFs carry a date; a fixed one keeps the bytes the same

_AURORE, _CEDAR, _REENIE = "la-belle-aurore", "cedarville-cursive", "reenie-beanie"
_IRON_GALL, _BLACK, _BLUE_BLACK, _VIOLET = (70, 44, 24), (46, 38, 34), (34, 44, 72), (76, 46, 112)

_RECTOR = Hand(_AURORE, 58, slant=0.10, nib=2, ink=_IRON_GALL, density=0.95)
_ELIZA = Hand(_CEDAR, 50, slant=0.14, nib=2, unrest=1.2, ink=_BLACK, density=0.9, run_dry=0.45)
_CLOCKMAKER = Hand(_AURORE, 56, slant=0.02, nib=1, unrest=0.8, ink=_BLUE_BLACK, density=0.92)
_MILLER = Hand(_CEDAR, 54, slant=0.05, nib=1, unrest=1.5, ink=(112, 86, 60), density=0.46, run_dry=0.5)
_MOTHER = Hand(_AURORE, 58, slant=0.16, nib=2, unrest=1.35, ink=_IRON_GALL, density=0.84, run_dry=0.5)
_TEACHER = Hand(_REENIE, 44, slant=0.16, nib=1, unrest=0.9, ink=_BLACK, density=0.9)
_CLERK = Hand(_AURORE, 46, slant=0.08, nib=2, unrest=0.9, ink=_IRON_GALL, density=0.93)
_CURE = Hand(_CEDAR, 43, slant=0.10, nib=2, unrest=0.9, ink=_BLACK, density=0.92)
_MISTRESS = Hand(_REENIE, 70, slant=0.18, nib=2, ink=_BLUE_BLACK, density=0.93)
_MAYOR = Hand(_AURORE, 50, slant=0.12, nib=2, unrest=1.1, ink=_VIOLET, density=0.88)
_WINNIE = Hand(_REENIE, 66, slant=0.05, nib=2, unrest=1.2, ink=_BLUE_BLACK, density=0.92)
_JEANNE = Hand(_CEDAR, 44, slant=0.10, nib=1, unrest=1.1, ink=_VIOLET, density=0.9)
_FARMER = Hand(_REENIE, 68, slant=0.12, nib=2, unrest=1.25, ink=_BLACK, density=0.9, run_dry=0.45)
_PERRIN = Hand(_CEDAR, 56, slant=0.08, nib=2, unrest=1.0, ink=_BLACK, density=0.88)
_SMITH = Hand(_CEDAR, 40, slant=0.0, nib=2, unrest=1.3, ink=_BLACK, density=0.92, run_dry=0.4)
_AUNT = Hand(_AURORE, 44, slant=0.06, nib=1, unrest=0.9, ink=_IRON_GALL, density=0.9)

_LAID = Paper((226, 212, 180), laid=True, age=1.3, foxing=45, folds=(0.34, 0.67), show_through=0.09)
_BLUISH = Paper((206, 210, 205), laid=True, age=0.9, foxing=25, folds=(0.5, -0.5), show_through=0.10)
_WOVE = Paper((234, 226, 204), age=1.0, foxing=20, folds=(0.5,), show_through=0.07)
_CHEAP = Paper((220, 198, 158), age=1.7, foxing=70, folds=(0.33, 0.66, -0.5), show_through=0.10, fibers=900)
_WATERED = Paper((222, 206, 170), age=1.6, foxing=60, stains=4, stain_strength=0.6, folds=(0.5,), show_through=0.16)
_THIN = Paper((238, 232, 216), age=0.8, foxing=10, folds=(0.33, 0.66), show_through=0.16, fibers=300)
_LEDGER = Paper((228, 218, 190), age=1.2, foxing=35, show_through=0.06, rule_color=(150, 92, 84), stains=1)
_PRINTED = Paper((232, 216, 178), age=1.3, foxing=25, folds=(0.5, -0.5), show_through=0.03, rule_color=(50, 46, 44))
_CARD = Paper((226, 206, 164), age=1.2, foxing=40, show_through=0.0, fibers=900, rule_color=(60, 52, 46))
_DIARY = Paper((238, 230, 208), age=0.9, foxing=12, show_through=0.08, rule_color=(120, 146, 186))
_FILMED = Paper((228, 222, 208), age=1.2, foxing=40, show_through=0.12, stains=1, stain_strength=0.3)


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One file to upload. ``pages`` holds the ground truth, a list of lines for each page; it is empty for a file that
    cannot be read. ``note`` says in a sentence what the file shows."""

    path: Path
    name: str
    pages: list[list[str]]
    note: str


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    pages: tuple[PageSpec, ...]
    note: str


def _pages(text: str, layout: str, hand: Hand, paper: Paper, sections: int = 1, **how: Any) -> tuple[PageSpec, ...]:
    names = [text] if sections == 1 else [f"{text}_p{number + 1}" for number in range(sections)]
    return tuple(PageSpec(name, text, layout, hand, paper, section=n, **how) for n, name in enumerate(names))


def _files() -> Iterator[_File]:
    """Every file with readable pages, in the order of upload."""
    small: dict[str, Any] = {"pitch": 46, "margin": 80}
    card: dict[str, Any] = {"size": (1440, 920), "margin": 60}
    singles = (
        (
            _pages("letter_1794", "letter", _RECTOR, _LAID, 2, pitch=76),
            "A rector's letter on laid paper, folded in three.",
        ),
        (_pages("letter_1831", "letter", _ELIZA, _BLUISH, 2, pitch=74), "An emigrant's letter, written in a hurry."),
        (
            _pages("lettre_1848", "letter", _CLOCKMAKER, _WOVE, 2, pitch=74, bed=228),
            "A clockmaker's letter, in French.",
        ),
        (
            _pages("letter_1862", "letter", _MILLER, _CHEAP, pitch=71, blur=0.5),
            "Hard: the ink has faded to a pale brown.",
        ),
        (
            _pages("lettre_1871", "letter", _MOTHER, _WATERED, pitch=74),
            "Hard: brown stains run through most of its lines.",
        ),
        (_pages("letter_1888", "letter", _TEACHER, _THIN, **small), "Hard: very small writing on thin paper."),
        (_pages("burials_1812", "table", _CLERK, _LEDGER, 2, pitch=98), "A ruled register of burials."),
        (_pages("registre_1836", "table", _CURE, _LEDGER, pitch=96), "A French parish's accounts, in columns."),
        (_pages("form_school_1893", "form", _MISTRESS, _PRINTED, pitch=100), "A printed form, filled in by hand."),
        (_pages("formulaire_1899", "form", _MAYOR, _PRINTED, pitch=100), "A printed French form in violet ink."),
        (_pages("postcard_1906", "postcard", _WINNIE, _CARD, pitch=72, **card), "A postcard."),
        (_pages("carte_1909", "postcard", _JEANNE, _CARD, pitch=78, **card), "A French postcard."),
    )
    for pages, note in singles:
        for page in pages:
            yield _File(f"{page.name}.jpg", (page,), note)
    account = _pages("account_1825", "table", _SMITH, _WOVE, size=(1080, 1300), pitch=80, gray=True)
    recipe = _pages("receipt_plum_cake", "letter", _AUNT, _CARD, size=(1000, 820), pitch=62, margin=80, gray=True)
    yield _File("account_1825.png", account, "A smith's bill, as a grey PNG.")
    yield _File("receipt_plum_cake.png", recipe, "A recipe on a small card, as a grey PNG.")
    diary = _pages("diary_1877", "letter", _FARMER, _DIARY, 3, ruled=True, pitch=78)
    yield _File("diary_1877.pdf", diary, "A farmer's diary: one PDF of three pages.")
    notebook = _pages("carnet_1853", "letter", _PERRIN, _FILMED, 3, pitch=86, gray=True)
    yield _File("carnet_1853.tif", notebook, "A priest's notebook from microfilm: one TIFF of three pages.")


_DUPLICATE = ("letter_1794_p1.jpg", "letter_1794_p1 (copy).jpg")
_DAMAGED = ("lettre_1848_p2.jpg", "lettre_1848_p2 (incomplete).jpg")


def render_sample(folder: Path, *, seed: int = 7) -> list[SampleFile]:
    """Draw the whole collection into ``folder`` (created if absent), in the order of upload.

    The same seed gives the same bytes on the same versions of Pillow and OpenCV. Takes about 20 s on one core.
    """
    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for file in _files():
        path = folder / file.name
        path.write_bytes(_encoded(path.suffix, [draw_page(page, seed) for page in file.pages]))
        samples.append(SampleFile(path, file.name, [page_lines(page) for page in file.pages], file.note))
    original = next(sample for sample in samples if sample.name == _DUPLICATE[0])
    path = folder / _DUPLICATE[1]
    path.write_bytes(original.path.read_bytes())
    samples.append(
        SampleFile(path, path.name, original.pages, f"The very bytes of {original.name} under another name.")
    )
    path = folder / _DAMAGED[1]
    whole = (folder / _DAMAGED[0]).read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 5])
    samples.append(SampleFile(path, path.name, [], "Damaged: the file ends after two fifths."))
    return samples


def ground_truth(folder: Path) -> list[Path]:
    """Write ``<image>.txt`` beside every single-page image of the sample, for ``evaluate``; returns the files written.

    Neither the duplicate, which would count twice, nor the files of several pages get one. Needs no rendering.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for file in _files():
        if len(file.pages) == 1:
            path = (folder / file.name).with_suffix(".txt")
            path.write_text("\n".join(page_lines(file.pages[0])) + "\n", encoding="utf-8")
            written.append(path)
    return written


def _encoded(suffix: str, pages: list[Gray]) -> bytes:
    images = [Image.fromarray(page) for page in pages]
    dpi = (_DPI, _DPI)
    if suffix == ".jpg":
        return _jpeg(images[0])
    out = io.BytesIO()
    if suffix == ".png":
        # Sixteen greys: noise in the lowest bits would only fill the file.
        levels = np.asarray(images[0].convert("L"))
        Image.fromarray((levels // 16 * 17).astype(np.uint8)).save(out, "PNG", optimize=True, dpi=dpi)
    elif suffix == ".pdf":
        first, *rest = images
        first.save(
            out,
            "PDF",
            save_all=True,
            append_images=rest,
            resolution=_DPI,
            quality=58,
            creationDate=_EPOCH,
            modDate=_EPOCH,
            title="Diary, 1877",
        )
    else:
        first, *rest = (image.convert("L") for image in images)
        first.save(out, "TIFF", save_all=True, append_images=rest, compression="jpeg", quality=60, dpi=dpi)
    return out.getvalue()


def _jpeg(image: Image.Image) -> bytes:
    """The best quality that stays under the size of a usual scan."""
    for quality in (82, 74, 66, 58, 50, 42):
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality, dpi=(_DPI, _DPI))
        if out.tell() <= _MAX_JPEG:
            break
    return out.getvalue()
