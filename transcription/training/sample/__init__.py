"""A small archive that Longhand draws itself, to show and test the whole road where no real scans may be shipped.

The papers, the people and the parishes are invented; the texts under ``texts/`` were written for this collection.
The three handwriting fonts were kept out of the recogniser's training, so the readings are no recital.
"""

from transcription.training.sample.collection import SampleFile, ground_truth, render_sample

__all__ = ["SampleFile", "ground_truth", "render_sample"]
