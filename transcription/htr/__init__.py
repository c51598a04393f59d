"""Pure mathematics of reading handwriting: no Django, no torch, no files."""
