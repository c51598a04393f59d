"""Small line sets as they are published: `<set>.tsv` beside `<set>.tar`."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FONTS = Path(__file__).resolve().parents[2] / "transcription" / "training" / "sample" / "fonts"
Row = tuple[str, str, str, str]  # split, page, name, text


def draw_line(text: str) -> Image.Image:
    """One line as crops are: 64 px high, ink dark."""
    font = ImageFont.truetype(str(sorted(FONTS.glob("*.woff"))[0]), 40)
    width = int(font.getlength(text)) + 40
    image = Image.new("L", (width, 64), 235)
    ImageDraw.Draw(image).text((20, 4), text, font=font, fill=40)
    return image


def write_set(folder: Path, name: str, rows: Sequence[Row], *, images: bool = True) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    table = "".join("\t".join(row) + "\n" for row in [("split", "page", "name", "text"), *rows])
    (folder / f"{name}.tsv").write_text(table, encoding="utf-8")
    if not images:
        return
    with tarfile.open(folder / f"{name}.tar", "w") as archive:
        for _, _, file, text in rows:
            content = io.BytesIO()
            draw_line(text).save(content, "PNG")
            entry = tarfile.TarInfo(file)
            entry.size = content.tell()
            content.seek(0)
            archive.addfile(entry, content)
