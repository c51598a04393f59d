"""Delete a collection with everything that hangs on it."""

from __future__ import annotations

from django.core.files.storage import default_storage
from django.db import transaction

from transcription.models import Charge, Collection, Export, Original, Page, Profile, ProfileVersion, Run
from transcription.steps.append_only import may_delete
from transcription.steps.choose_passes import trial_profile
from transcription.steps.control import cancel
from transcription.steps.framings import image_files
from transcription.steps.profiles import own_profile
from transcription.steps.search_index import forget_collection


def purge_collection(collection: Collection) -> int:
    """Delete rows first, then files, so that a crash leaves files without rows, never rows without files.

    What workers still compute for it is dropped. Returns how many pages were deleted.
    """
    cancel(collection)  # from here on nothing more of it is claimed, and no result is written
    pages = Page.objects.filter(collection=collection)
    count = pages.count()
    files = [name for page in pages.only("pk", "image", "pyramid", "thumbnail") for name in image_files(page)]
    files += Original.objects.filter(collection=collection).values_list("file", flat=True)
    files += [name for name in Export.objects.filter(collection=collection).values_list("file", flat=True) if name]
    with transaction.atomic(), may_delete():
        list(pages.select_for_update().order_by("pk").values_list("pk"))  # a person may be saving a line
        pages.update(run=None, layout=None)  # pages and their runs point at each other
        Run.objects.filter(page__collection=collection).delete()  # runs protect their layouts
        # The ledger stays, as what was paid was paid; the texts in it go.
        Charge.objects.filter(collection_id=collection.pk, answer__isnull=False).update(answer=None)
        own = Profile.objects.filter(name__in=[own_profile(collection), trial_profile(collection)], collections=None)
        forget_collection(collection.pk)
        collection.delete()
        ProfileVersion.objects.filter(profile__in=own).delete()
        own.delete()
    for name in files:
        default_storage.delete(name)
    return count
