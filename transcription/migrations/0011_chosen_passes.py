from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('transcription', '0010_displaced_texts'),
    ]

    operations = [
        migrations.AddField(
            model_name='profile',
            name='choice',
            field=models.JSONField(help_text='the chosen passes; null: nobody chose any', null=True),
        ),
    ]
