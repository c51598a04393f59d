import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('transcription', '0005_nbest'),
    ]

    operations = [
        migrations.CreateModel(
            name='Vocabulary',
            fields=[
                ('collection', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='vocabulary', serialize=False, to='transcription.collection')),
                ('revision', models.PositiveIntegerField(default=0)),
                ('changed_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'verbose_name_plural': 'vocabularies',
            },
        ),
        migrations.AddField(
            model_name='run',
            name='vocabulary',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.CreateModel(
            name='Term',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.CharField(max_length=100)),
                ('sort_key', models.CharField(max_length=400)),
                ('kind', models.CharField(choices=[('name', 'name'), ('place', 'place'), ('term', 'term')], default='term', max_length=5)),
                ('note', models.CharField(blank=True, max_length=200)),
                ('since', models.PositiveIntegerField()),
                ('until', models.PositiveIntegerField(null=True)),
                ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='terms', to='transcription.collection')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('until', None)), fields=['collection', 'sort_key', 'id'], name='terms_in_order')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('until', None)), fields=('collection', 'text'), name='one_term_a_text'), models.CheckConstraint(condition=models.Q(('text', ''), _negated=True), name='term_says_something'), models.CheckConstraint(condition=models.Q(('until', None), ('until__gt', models.F('since')), _connector='OR'), name='term_ends_after_it_began')],
            },
        ),
    ]
