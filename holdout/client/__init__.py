"""Asking a registry over HTTP: `Client`, and `AsyncClient` for asyncio.

    with Client("https://registry.example", key) as registry:
        for url, answer in zip(urls, registry.lookup_urls(urls)):
            ...

Every answer is `checked` or `failed`; what could not be asked raises a `ClientError` (`holdout.errors`).
Neither is ever a permission.
"""

from holdout.client.asynchronous import AsyncClient
from holdout.client.jobs import Job, JobError
from holdout.client.retry import Retry
from holdout.client.snapshots import SnapshotList
from holdout.client.sync import Client

__all__ = ["AsyncClient", "Client", "Job", "JobError", "Retry", "SnapshotList"]
