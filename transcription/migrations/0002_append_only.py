"""Readings and transcript revisions are append-only: the database itself refuses to change or delete one.

Deleting a whole collection is a decision of its own; it says so with SET LOCAL longhand.purge = 'on'.
"""

from __future__ import annotations

from django.db import migrations

from transcription.migrations._extensions import NeededExtension

_FUNCTIONS = """
CREATE FUNCTION longhand_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('longhand.purge', true) = 'on' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER reading_append_only BEFORE UPDATE OR DELETE ON transcription_reading
    FOR EACH ROW EXECUTE FUNCTION longhand_append_only();
CREATE TRIGGER revision_append_only BEFORE DELETE ON transcription_transcriptrevision
    FOR EACH ROW EXECUTE FUNCTION longhand_append_only();
-- A person who leaves is forgotten (author set to null); what was written stays.
CREATE TRIGGER revision_unchanging
    BEFORE UPDATE OF line_id, number, text, source, created_at ON transcription_transcriptrevision
    FOR EACH ROW EXECUTE FUNCTION longhand_append_only();
"""

_REVERSE = """
DROP TRIGGER reading_append_only ON transcription_reading;
DROP TRIGGER revision_append_only ON transcription_transcriptrevision;
DROP TRIGGER revision_unchanging ON transcription_transcriptrevision;
DROP FUNCTION longhand_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("transcription", "0001_initial")]
    operations = [NeededExtension("pg_trgm"), NeededExtension("unaccent"), migrations.RunSQL(_FUNCTIONS, _REVERSE)]
