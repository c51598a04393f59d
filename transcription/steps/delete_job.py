"""Delete what was submitted as a job: its file, its pages and everything that hangs on them."""

from __future__ import annotations

from django.db import transaction

from transcription.models import Charge, Document, Job, Original, Page, Run
from transcription.steps.append_only import may_delete
from transcription.steps.arrange import arrange_pages
from transcription.steps.cancel_job import cancel_job
from transcription.steps.files import delete_files
from transcription.steps.framings import image_files


def delete_job(job: Job) -> int:
    """Delete rows first, then files, so that a crash leaves files without rows. Returns how many pages were deleted.

    A document that holds nothing else goes too. The search index follows by its marks.
    """
    cancel_job(job)  # no worker writes a result from here on
    original = Original.objects.get(pk=job.original_id)
    pages = Page.objects.filter(original=original)
    with transaction.atomic(), may_delete():
        document = Document.objects.select_for_update(no_key=True).get(pk=original.document_id)
        held = list(pages.select_for_update().order_by("pk"))
        files = {original.file}.union(*(image_files(page) for page in held))
        ids = [page.pk for page in held]
        pages.update(run=None, layout=None)  # pages and their runs point at each other
        Run.objects.filter(page__in=ids).delete()  # runs protect their layouts
        # The ledger stays, as what was paid was paid; the texts in it go.
        Charge.objects.filter(page_id__in=ids, answer__isnull=False).update(answer=None)
        original.delete()
        if document.originals.exists():
            arrange_pages(document)
        else:
            document.delete()
    delete_files(files)
    return len(ids)
