"""Pages to read: a web page for each document, image and text side by side, with nothing that it needs elsewhere.

The images stand beside it and are loaded as they are scrolled to. Struck text is <del>, inserted text <ins>, an unclear
word has a dotted line, what cannot be read is […].
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from itertools import chain

from transcription.formats.records import TranscribedLine
from transcription.formats.writing import DocumentToWrite, Folder, Manner, PageToWrite, by_document
from transcription.formats.xml_reading import printable
from transcription.htr.marked_text import Piece, pieces
from transcription.htr.text import ILLEGIBLE, UNCLEAR

IMAGE_SIDE = 1600  # pixels: letters can be read, and a page is some 300 KB
_STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#1d1f21, #e8e6e1); --soft: light-dark(#5c5f63, #a3a09a);
  --paper: light-dark(#fbfaf7, #16181a); --rule: light-dark(#dcd8cf, #33373b); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 90rem; padding: 1.5rem clamp(1rem, 3vw, 3rem); color: var(--ink);
  background: var(--paper); font: 1.05rem/1.65 "Source Serif 4", Georgia, "Times New Roman", serif; }
header { border-bottom: 1px solid var(--rule); margin-bottom: 2rem; padding-bottom: 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4rem; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem 1rem; margin: 0; font: .85rem/1.5 system-ui,
  sans-serif; }
dt, .note { color: var(--soft); } dd { margin: 0; }
.page { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 2rem; padding: 1.5rem 0;
  border-bottom: 1px solid var(--rule); }
.page h2 { grid-column: 1 / -1; margin: 0; font: 600 .85rem/1.4 system-ui, sans-serif; color: var(--soft); }
.page img { width: 100%; height: auto; position: sticky; top: 1rem; border: 1px solid var(--rule); background: #fff; }
.text p { margin: 0; } .text .region { margin-bottom: 1rem; }
.doubt { text-decoration: underline dotted 2px; text-underline-offset: .22em; }
.gap { color: var(--soft); }
ins { text-decoration: none; vertical-align: .25em; font-size: .85em; }
.note { font: .8rem/1.5 system-ui, sans-serif; }
@media (width < 48rem) { .page { grid-template-columns: 1fr; } .page img { position: static; } }
@media print { .page { break-after: page; gap: 1cm; } .page img { position: static; max-height: 24cm; width: auto;
  max-width: 100%; } }
"""


def write(pages: Iterator[PageToWrite], folder: Folder, manner: Manner) -> None:
    """``<document>/index.html`` and ``<document>/images/<number>.jpg``. The text waits for no image: files in a ZIP
    are written one after the other, so a document's text is kept until its images are out."""
    for document, of_document in by_document(pages):
        first = next(of_document)
        sections = []
        for each in chain([first], of_document):
            name = f"images/{each.number:04}.jpg"
            picture = each.image.reduced(IMAGE_SIDE)
            with folder.file(f"{document.name}/{name}", packed=True) as file:
                file.write(picture.data)
            sections.append(_section(each, name, picture.width, picture.height))
        with folder.file(f"{document.name}/index.html") as file:
            file.write(_head(document, manner).encode())
            for section in sections:
                file.write(section.encode())
            file.write(b"</main></body></html>\n")


def _said(text: str) -> str:
    return html.escape(printable(text))


def _head(document: DocumentToWrite, manner: Manner) -> str:
    facts = [
        ("Collection", document.collection),
        ("Identifier", document.identifier),
        ("Creator", document.creator),
        ("Dates", document.dates),
        ("Rights", document.rights),
        ("Text", "normalised spelling" if manner.normalised else "as it is written"),
    ]
    listed = "".join(f"<dt>{name}</dt><dd>{_said(value)}</dd>" for name, value in facts if value)
    language = f' lang="{_said(document.language)}"' if document.language else ""
    return (
        f'<!DOCTYPE html><html{language}><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_said(document.title)}</title><style>{_STYLE}</style></head><body>"
        f"<header><h1>{_said(document.title)}</h1><dl>{listed}</dl></header><main>\n"
    )


def _section(each: PageToWrite, image: str, width: int, height: int) -> str:
    regions: list[list[str]] = []
    before: str | None = None
    for line in each.page.lines:
        region = line.geometry.region if line.geometry is not None else ""
        if region != before:
            regions.append([])
        before = region
        regions[-1].append(_line(line))
    text = "".join(f'<div class="region">{"".join(lines)}</div>' for lines in regions)
    return (
        f'<section class="page" id="page-{each.number}"><h2>{_said(each.label)}</h2>'
        f'<div><img src="{image}" width="{width}" height="{height}" loading="lazy" alt="{_said(each.label)}"></div>'
        f'<div class="text">{text or _NO_TEXT}</div></section>\n'
    )


_NO_TEXT = '<p class="note">No text.</p>'


def _line(line: TranscribedLine) -> str:
    return f'<p dir="auto">{"".join(map(_piece, pieces(line.text))) or "&#160;"}</p>'


def _piece(piece: Piece) -> str:
    said = f'<span class="gap">{ILLEGIBLE}</span>' if piece.gap else _said(piece.text)
    if piece.unclear:
        said = f'<span class="doubt" title="unclear">{said}</span>{UNCLEAR}'
    said = f"<ins>{said}</ins>" if piece.inserted else said
    return f"<del>{said}</del>" if piece.struck else said
