"""For `./run serve --demo`: the development settings, sign-in by one click, and a page of outgoing mail."""

from config.settings import dev
from config.settings.dev import *  # noqa: F403

HOLDOUT_DEMO = True
# The overlay puts the banner on every page; the pages themselves know nothing of the demonstration.
_OVERLAY = dev.BASE_DIR / "demo" / "overlay"
TEMPLATES = [{**engine, "DIRS": [_OVERLAY, dev.BASE_DIR / "web" / "templates"]} for engine in dev.TEMPLATES]
