"""What was read on whole pages, append-only as readings of lines are; and what a reading cost in tokens."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

_TRIGGER = """
CREATE TRIGGER page_reading_append_only BEFORE UPDATE OR DELETE ON transcription_pagereading
    FOR EACH ROW EXECUTE FUNCTION longhand_append_only();
"""
_REVERSE = "DROP TRIGGER page_reading_append_only ON transcription_pagereading;"


class Migration(migrations.Migration):

    dependencies = [
        ('transcription', '0012_turned_and_parted_pages'),
    ]

    operations = [
        migrations.AddField(
            model_name='reading',
            name='tokens_in',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='reading',
            name='tokens_out',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.CreateModel(
            name='PageReading',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('raw', models.TextField(blank=True, help_text='the answer as it came')),
                ('lines', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(blank=True), default=list, size=None)),
                ('chars', models.JSONField(default=list, help_text='for each line a score per character, thousandths')),
                ('placed', models.JSONField(default=list)),
                ('unplaced', models.JSONField(default=list)),
                ('tokens_in', models.PositiveIntegerField(default=0)),
                ('tokens_out', models.PositiveIntegerField(default=0)),
                ('milliseconds', models.FloatField(default=0)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('pass_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='transcription.passversion')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='page_readings', to='transcription.run')),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(fields=('run', 'pass_version'), name='one_page_reading_a_pass')],
            },
        ),
        migrations.RunSQL(_TRIGGER, _REVERSE),
    ]
