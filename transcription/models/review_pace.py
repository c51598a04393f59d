"""How long reading takes people, as it was learned at some time; the newest row holds."""

from __future__ import annotations

from django.db import models

from transcription.htr.review_pace import GUESS, Pace


class ReviewPaceQuerySet(models.QuerySet["ReviewPace"]):
    def present(self) -> ReviewPace:
        """The newest; the guess, written, where nothing was learned yet."""
        found = self.order_by("-pk").first()
        return found or self.create(page=GUESS.page, word=GUESS.word, wrong=GUESS.wrong)


class ReviewPace(models.Model):
    page = models.FloatField(help_text="seconds for opening a page")
    word = models.FloatField(help_text="seconds a word")
    wrong = models.FloatField(help_text="seconds a word that is expected to be wrong")
    learned_at = models.DateTimeField(auto_now_add=True)
    looked_at = models.DateTimeField(null=True, help_text="when it was last held against what reviewers take")

    objects = ReviewPaceQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.page:.0f} s a page, {self.word:.2f} s a word, {self.wrong:.1f} s a wrong word"

    @property
    def pace(self) -> Pace:
        return Pace(self.page, self.word, self.wrong)
