"""Files that are meant to do harm or are simply broken, made here, and what becomes of each at the door.

``samples`` are whole files of every kind that comes in; ``bad_files`` what is made of them and beside them.
"""

from transcription.management.bad_inputs.catalogue import bad_files
from transcription.management.bad_inputs.files import BadFile
from transcription.management.bad_inputs.samples import samples
from transcription.management.bad_inputs.trial import Outcome, try_files

__all__ = ["BadFile", "Outcome", "bad_files", "samples", "try_files"]
