"""File formats in and out: what an upload holds, and what a transcript is written as. No Django, no torch."""
