"""How Longhand is put together and run: environment, settings, URLs, embedded servers, supervisor."""

from project.celery import app as celery_app

__all__ = ("celery_app",)
