import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('transcription', '0004_page_approved_at'),
    ]

    operations = [
        migrations.AddField(
            model_name='reading',
            name='nbest_shares',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField(), default=list, help_text='share of this text and of each other one, thousandths', size=None),
        ),
        migrations.AddField(
            model_name='reading',
            name='nbest_texts',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, help_text='other texts that were weighed, best first', size=None),
        ),
    ]
