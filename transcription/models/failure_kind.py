"""Kinds of failures by their stable codes, in a sentence that can be translated.

What a worker writes down of a failure names the file and the figures, in English: a worker knows no reader. In other
languages its kind is said first, and that sentence stands behind it.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_SCAN = _("The file is damaged or ends too early: scan or export it again and upload it.")

KINDS: Mapping[str, str | Promise] = {
    # Files
    "damaged": _SCAN,
    "lying-header": _SCAN,
    "empty": _("The file is empty: upload it again."),
    "encrypted": _("The file is encrypted: save it without a password and upload it again."),
    "too-large": _("It is larger than this installation takes."),
    "too-many-pixels": _("The image has more pixels than this installation takes: upload a smaller version."),
    "no-pages": _("The file holds no page."),
    "too-many-frames": _("The file has more pages than this installation takes: split it."),
    "unknown-type": _("This is no kind of file that can be read: upload an image or a PDF."),
    "unsupported-kind": _("This kind of image cannot be read: save it as TIFF or JPEG."),
    "wrong-type": _("The file is not what its name says: look at it and upload it again."),
    "no-such-frame": _("The file has no such page any more: upload it again."),
    "altered-original": _("The stored original is no longer what was received: restore it from a backup, then retry."),
    "pyramid-unreadable": _("The page's stored image cannot be read: make it anew with a retry."),
    "archive-bomb": _("The archive unpacks to far more than it is: unpack it and upload what it holds."),
    "overlapping-entries": _("Entries of the archive overlap: pack it again."),
    "too-many-entries": _("The archive holds more files than this installation takes: split it."),
    # Transcripts
    "not-text": _("The transcript is not a text: save it as plain text in UTF-8."),
    "wrong-encoding": _("The transcript's encoding is not what it says: save it in UTF-8."),
    "not-xml": _("The transcript is not well-formed XML: export it again."),
    "not-alto": _("The transcript is not ALTO: export it again."),
    "not-page-xml": _("The transcript is not PAGE XML: export it again."),
    "doctype": _("The transcript declares a document type, which is not read: export it without one."),
    "several-pages": _("The transcript has several pages and the scan has one: bring one for each page."),
    # Fetching
    "address-refused": _("This address is not fetched from: it is none of the public internet."),
    "no-such-host": _("There is no such host: look at the address."),
    "too-many-redirects": _("The address leads on and on: give the one it should lead to."),
    "not-fetched": _("The other side did not give what was asked for: retry later."),
    "not-a-manifest": _("What the address gives is no IIIF manifest."),
    # Machines
    "engine-failure": _("The engine failed on this input."),
    "engine-timeout": _("The engine made no progress in its time."),
    "out-of-memory": _("There was not enough memory for it: retry where there is more."),
    "weights": _("A model is missing or was changed: look under “Models and engines”."),
    "unknown-engine": _("The engine is not known here: look at the collection's passes."),
    "worker-killer": _("The worker was lost several times while it did this and nothing else: look at the file."),
    "service-unavailable": _("A service did not answer for long: retry when it is back."),
    "endpoint-address": _("The endpoint cannot be reached at its address."),
    "endpoint-refused": _("The endpoint refuses our calls: look at its key and its address."),
    "endpoint-answer": _("The endpoint's answer cannot be used."),
    "context-full": _("The page does not fit into the model's context."),
    "no-result": _("The engine gave no result."),
    "bad-crop": _("The line's image cannot be cut: look at its outline."),
    "interrupted": _("It was interrupted: retry it."),
    "unexpected": _("Something happened that nobody foresaw: send the technical details to whoever runs Longhand."),
}
