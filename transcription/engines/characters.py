"""The tokens of a small language model that writes characters: a few signs and one token a character."""

from __future__ import annotations

from collections.abc import Iterable

UNKNOWN, BEGIN, END, READ, BLANK = range(5)
# READ ends the image and asks for its text; BLANK fills the image up, and is what a CTC network's blank becomes.
SIGNS = ("<unk>", "<s>", "</s>", "<read>", "<blank>")


class CharacterVocabulary:
    """Token numbers of the characters of ``alphabet``, in its order, after the signs."""

    def __init__(self, alphabet: str) -> None:
        self.alphabet = alphabet
        self.tokens = (*SIGNS, *alphabet)
        self._numbers = {char: number for number, char in enumerate(alphabet, len(SIGNS))}

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """One number a character; those outside the alphabet become UNKNOWN."""
        return [self._numbers.get(char, UNKNOWN) for char in text]

    def decode(self, numbers: Iterable[int]) -> str:
        """The characters of ``numbers``; signs are left out."""
        return "".join(self.tokens[number] for number in numbers if number >= len(SIGNS))

    def of_classes(self) -> list[int]:
        """The token of each class of a CTC network with this alphabet, its blank first."""
        return [BLANK, *range(len(SIGNS), len(self))]
