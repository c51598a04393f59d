"""Markup: what belongs to a web page, a chat or a program and was written by no pen.

Transcripts have marks of their own (``⟦⟧ ⸢⸣ [?] […] ^ ¬``, and ``<…>`` in some projects): those are no markup.
"""

from __future__ import annotations

import re

from transcription.htr.checks.folding import quoted, shortened

_TAGS = (
    "html|body|head|div|span|br|hr|del|ins|sup|sub|strong|em|table|tr|td|th|tbody|ul|ol|li|code|pre|think|answer|"
    "transcription|transcript|output|response|unclear|gap|hi|lb|pb|note|font|center|blockquote|h[1-6]|img|xml|svg"
)
_MARKUP = re.compile(
    "|".join(
        [
            r"```",  # code fences
            rf"</?(?:{_TAGS})(?:\s[^<>]{{0,80}})?/?>",
            r"</[a-z][a-z0-9]{0,15}>",
            r"<[a-z]{1,15}(?:\s+[a-z-]{1,20}=[\"'][^<>]{0,60})+/?>",
            r"<\?xml|<!doctype|<!--",
            r"\*\*[^*\s][^*]{0,80}\*\*",  # bold
            r"^\s*(?:#{2,6}\s+\w|#\s+(?:transcri|text|output|page|line|image|note))",  # a heading
            r"\]\(https?://",
            r"!\[[^\]]{0,60}\]\(",
            r"\|\s*:?-{3,}:?\s*\|",  # a table's rule
            r"[{,]\s*\"[a-z_]{2,20}\"\s*:",  # JSON
            r"&(?:lt|gt|nbsp|quot|#\d{2,5});",  # "&amp;" stands in published transcripts, for "&"
            r"\\(?:text|frac|begin|end|textit|textbf|emph|underline|sout|mathrm|item|section|cdots?|ldots|quad)\b",
            r"\\n|\\u[0-9a-f]{4}",
            r"\\[(\[].{0,80}\\[)\]]",
            r"\[?\[\s*\d{1,4}(?:\s*,\s*\d{1,4}){3}\s*\]",  # boxes
            r"\(\d{1,4},\s*\d{1,4}\)\s*,\s*\(\d{1,4},\s*\d{1,4}\)",
            r"~~[^~\s][^~]{0,60}~~",
        ]
    ),
    re.IGNORECASE | re.MULTILINE,
)


def markup(text: str) -> str:
    """The first mark of a markup language, "" where there is none."""
    found = _MARKUP.search(shortened(text))
    return quoted(found.group()) if found else ""
