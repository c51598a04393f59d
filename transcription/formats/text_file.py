"""Text files that people bring: UTF-8 only, as anything else read in silence would garble names."""

from __future__ import annotations

import re

from transcription.errors import BadInput

LINE_END = re.compile("\r\n|\r|\n")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def decoded_text(data: bytes, name: str, *, most: int) -> str:
    """The text of the file ``name``, at most ``most`` bytes of it. Raises BadInput: empty, too large, no UTF-8 text."""
    if not data.strip():
        raise BadInput(f"“{name}” is empty. Upload it again.", code="empty")
    if len(data) > most:
        raise BadInput(
            f"“{name}” is larger than {most // 2**20} MB. Split it into several lists; they add up.", code="too-large"
        )
    if data.startswith(_UTF16):
        raise BadInput(f"“{name}” is UTF-16 text. Save it again as UTF-8.", code="not-utf8")
    if data.startswith(b"PK\x03\x04") or b"\x00" in data[:4096]:
        raise BadInput(
            f"“{name}” is not a text file. From a spreadsheet, save the sheet as “CSV UTF-8” and upload that.",
            code="not-text",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The mark at the beginning is not counted in the error's place.
        at = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        line = len(re.findall(rb"\r\n|\r|\n", data[:at])) + 1
        raise BadInput(
            f"“{name}” is not UTF-8: line {line:,} holds the byte 0x{data[at]:02X}. "
            "Save it again as UTF-8 (“CSV UTF-8” in a spreadsheet).",
            code="not-utf8",
        ) from error
