"""The Celery app and its queues.

A message is only a doorbell: what is to be done stands in PostgreSQL, so a lost or doubled message costs
nothing but time (DESIGN: a bulk job survives anything).
"""

from celery import Celery

app = Celery("holdout")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
