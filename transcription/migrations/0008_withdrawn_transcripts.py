import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


# Withdrawing is said once and stands; the bytes stay. Text placed before revisions knew their transcript is from the
# newest one of the page at that time.
_WITHDRAWN_ONCE = """
CREATE TRIGGER imported_transcript_withdrawn_once BEFORE UPDATE OF withdrawn_at ON transcription_importedtranscript
    FOR EACH ROW WHEN (OLD.withdrawn_at IS NOT NULL AND NEW.withdrawn_at IS DISTINCT FROM OLD.withdrawn_at)
    EXECUTE FUNCTION longhand_append_only();
UPDATE transcription_transcriptrevision r SET transcript_id = (
    SELECT t.id FROM transcription_line l JOIN transcription_page p ON p.id = l.page_id
    JOIN transcription_importedtranscript t ON t.original_id = p.original_id AND t.frame = p.frame
    WHERE l.id = r.line_id AND t.created_at <= r.created_at ORDER BY t.number DESC LIMIT 1)
WHERE r.source = 'import';
"""

_REVERSE = "DROP TRIGGER imported_transcript_withdrawn_once ON transcription_importedtranscript;"


class Migration(migrations.Migration):

    dependencies = [
        ('transcription', '0007_imported_transcripts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='importedtranscript',
            name='number',
            field=models.PositiveIntegerField(help_text='1-based; the highest that was not withdrawn is the one in use'),
        ),
        migrations.AddField(
            model_name='importedtranscript',
            name='withdrawn_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='importedtranscript',
            name='withdrawn_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='transcriptrevision',
            name='transcript',
            field=models.ForeignKey(help_text='what text of the source import was placed from', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='transcription.importedtranscript'),
        ),
        migrations.RunSQL(_WITHDRAWN_ONCE, _REVERSE),
    ]
