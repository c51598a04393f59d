from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('transcription', '0011_chosen_passes'),
    ]

    operations = [
        migrations.AddField(
            model_name='page',
            name='turned_by',
            field=models.CharField(blank=True, choices=[('', 'nobody'), ('machine', 'machine'), ('person', 'person')], default='', max_length=8),
        ),
        migrations.AddField(
            model_name='page',
            name='frame_turn',
            field=models.PositiveSmallIntegerField(default=0, help_text='quarter turns of the frame of a part'),
        ),
        migrations.AddField(
            model_name='page',
            name='image',
            field=models.PositiveSmallIntegerField(default=0, help_text='version of the image'),
        ),
        migrations.AddField(
            model_name='layout',
            name='framing',
            field=models.JSONField(default=dict, help_text='the image of which geometries are pixels; htr.framing.Framing'),
        ),
    ]
