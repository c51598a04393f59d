"""Lines for training recognisers: each line's image as Longhand cuts it, and its text beside it.

Only text that a person typed; what a machine read never trains a machine, however sure it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import cv2

from transcription.formats.writing import Folder, Manner, PageToWrite, by_document
from transcription.htr.crop import cut_line
from transcription.htr.text import strict

COLUMNS = ("image", "document", "page", "line_id", "text")


def write(pages: Iterator[PageToWrite], folder: Folder, manner: Manner) -> None:
    """``<page>/<line>.png`` with ``<page>/<line>.gt.txt``, and for each document ``<document>.lines.tsv`` with
    COLUMNS, tab-separated, without quotes."""
    for document, of_document in by_document(pages):
        rows = ["\t".join(COLUMNS)]
        first = next(of_document)
        for each in chain([first], of_document):
            lines = [line for line in each.page.lines if line.ground_truth and strict(line.text)]
            if not lines:
                continue
            gray = each.image.gray()
            for line in lines:
                if line.geometry is None:
                    continue
                name, text = f"{each.name}/{line.id}", strict(line.text)
                with folder.file(f"{name}.png", packed=True) as file:
                    file.write(cv2.imencode(".png", cut_line(gray, line.geometry))[1].tobytes())
                with folder.file(f"{name}.gt.txt") as file:
                    file.write(f"{text}\n".encode("utf-8", "replace"))
                row = (f"{name}.png", document.title, str(each.number), line.id, text)
                rows.append("\t".join(strict(cell) for cell in row))
        with folder.file(f"{document.name}.lines.tsv") as file:
            file.write("".join(f"{row}\n" for row in rows).encode("utf-8", "replace"))
