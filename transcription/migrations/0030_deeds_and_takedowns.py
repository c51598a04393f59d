"""The audit log, which the database lets nobody change, and what was taken down."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


_FUNCTIONS = """
CREATE FUNCTION longhand_unchanging() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only for everybody: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER deed_append_only BEFORE UPDATE OR DELETE ON transcription_deed
    FOR EACH ROW EXECUTE FUNCTION longhand_unchanging();
"""

_REVERSE = """
DROP TRIGGER deed_append_only ON transcription_deed;
DROP FUNCTION longhand_unchanging();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('transcription', '0029_notifications_and_second_review'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Takedown',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(help_text='what was taken down, as people called it', max_length=400)),
                ('whole_document', models.BooleanField(default=False)),
                ('reason', models.TextField()),
                ('pages', models.PositiveIntegerField(help_text='how many pages it hides')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('restorable_until', models.DateTimeField()),
                ('restored_at', models.DateTimeField(null=True)),
                ('purged_at', models.DateTimeField(null=True)),
                ('author', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='takedowns', to='transcription.collection')),
                ('purged_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('restored_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.AddField(
            model_name='document',
            name='takedown',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.RESTRICT, related_name='document', to='transcription.takedown'),
        ),
        migrations.AddField(
            model_name='page',
            name='takedown',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.RESTRICT, related_name='+', to='transcription.takedown'),
        ),
        migrations.CreateModel(
            name='Deed',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('address', models.GenericIPAddressField(null=True)),
                ('verb', models.CharField(help_text='a Verb; one that this version does not know stays readable', max_length=24)),
                ('about', models.CharField(blank=True, help_text='what it was done to, as people call it', max_length=300)),
                ('details', models.JSONField(default=dict)),
                ('actor', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('collection', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='transcription.collection')),
            ],
            options={
                'ordering': ['-pk'],
                'indexes': [models.Index(fields=['collection', '-id'], name='deeds_of_collection'), models.Index(fields=['actor', '-id'], name='deeds_of_actor'), models.Index(fields=['verb', '-id'], name='deeds_of_verb'), models.Index(fields=['at'], name='deeds_by_time')],
            },
        ),
        migrations.AddConstraint(
            model_name='takedown',
            constraint=models.CheckConstraint(condition=models.Q(('restored_at', None), ('purged_at', None), _connector='OR'), name='nothing_purged_is_restored'),
        ),
        migrations.RunSQL(_FUNCTIONS, _REVERSE),
    ]
