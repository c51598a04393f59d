import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


# As readings and revisions (0002): the bytes that were brought stay what they are until their collection is deleted.
_APPEND_ONLY = """
CREATE TRIGGER imported_transcript_append_only BEFORE DELETE ON transcription_importedtranscript
    FOR EACH ROW EXECUTE FUNCTION longhand_append_only();
-- A person who leaves is forgotten (importer set to null); what was brought stays.
CREATE TRIGGER imported_transcript_unchanging
    BEFORE UPDATE OF original_id, frame, number, name, data, sha256, lines, created_at
    ON transcription_importedtranscript FOR EACH ROW EXECUTE FUNCTION longhand_append_only();
"""

_REVERSE = """
DROP TRIGGER imported_transcript_append_only ON transcription_importedtranscript;
DROP TRIGGER imported_transcript_unchanging ON transcription_importedtranscript;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('transcription', '0006_vocabulary'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='work',
            name='step',
            field=models.CharField(choices=[('sample', 'drawing the sample'), ('unpack', 'opening the file'), ('prepare', 'preparing'), ('segment', 'finding lines'), ('recognize', 'reading'), ('vote', 'voting'), ('score', 'scoring'), ('align', 'placing a brought transcript'), ('route', 'routing'), ('export', 'exporting')], max_length=12),
        ),
        migrations.CreateModel(
            name='ImportedTranscript',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('frame', models.PositiveIntegerField(default=0)),
                ('number', models.PositiveIntegerField(help_text='1-based; the highest is the one in use')),
                ('name', models.CharField(help_text='file name as received, made safe', max_length=250)),
                ('data', models.BinaryField()),
                ('sha256', models.CharField(max_length=64)),
                ('lines', models.PositiveIntegerField(help_text='lines with text')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('importer', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('original', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='imported_transcripts', to='transcription.original')),
            ],
        ),
        migrations.CreateModel(
            name='Alignment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('placed', models.JSONField(default=list)),
                ('unplaced', models.JSONField(default=list)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alignments', to='transcription.run')),
                ('transcript', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alignments', to='transcription.importedtranscript')),
            ],
        ),
        migrations.AddField(
            model_name='work',
            name='transcript',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='work', to='transcription.importedtranscript'),
        ),
        migrations.AddConstraint(
            model_name='importedtranscript',
            constraint=models.UniqueConstraint(fields=('original', 'frame', 'number'), name='one_imported_transcript_a_number'),
        ),
        migrations.AddConstraint(
            model_name='alignment',
            constraint=models.UniqueConstraint(fields=('transcript', 'run'), name='one_alignment_a_run'),
        ),
        migrations.RunSQL(_APPEND_ONLY, _REVERSE),
    ]
