"""The composition root: settings, URLs, the Celery app. Imported by nothing."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
