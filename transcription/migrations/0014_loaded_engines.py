import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('transcription', '0013_page_readings'),
    ]

    operations = [
        migrations.AddField(
            model_name='worker',
            name='loaded',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), default=list, help_text='engines in its memory', size=None),
        ),
    ]
