"""What the page for many pictures says while its script works (`static/web/many.js`)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise as Text

_STATES: Final[Mapping[str, "Text"]] = {
    "waiting": _("Waiting"),
    "hashing": _("Reading"),
    "sending": _("Sending"),
    "registered": _("Registered"),
    "known": _("Known already"),
    "refused": _("Refused"),
    "failed": _("Not sent"),
}

_WHY: Final[Mapping[str, "Text"]] = {
    # The script fills in what stands in braces.
    "twice": _("The same file as {name} in this list."),
    "spoken_of": _("You registered this file before. What you said then stands."),
    "unreadable": _(
        "This browser cannot read the picture: it is damaged, or its format is unknown. Open it in an "
        "editor, save it as JPEG or PNG, and add it again."
    ),
    "too_plain": _("Too plain to be recognised: only the very file is reserved."),
    "too_large": _("The file is larger than 25 MB. Open this page anew and choose “Smaller copies” for it."),
    "no_file": _("The file can no longer be read from your device. Add it again."),
    "away": _("The registry could not be reached. Look at your connection and try again."),
    "signed_out": _("You were signed out. Sign in in another tab, then try again here."),
    "odd": _("The registry gave an answer that this page does not know. Try again later."),
}

_EXPORT: Final[Mapping[str, "Text"]] = {
    "psd": _(
        "A Photoshop file. Photoshop: File › Export › Export As › PNG. Affinity Photo: File › Export. Krita: "
        "File › Export. Then add the PNG."
    ),
    "clip": _(
        "A Clip Studio Paint file. Clip Studio Paint: File › Export (Single Layer) › .png. Then add the PNG."
    ),
    "procreate": _(
        "A Procreate file. Procreate: Actions (the wrench) › Share › PNG or JPEG. Then add that file."
    ),
    "heic": _(
        "A HEIC photo. Mac: open it in Preview, File › Export › JPEG. iPhone: choose it from the album on "
        "this page, and it comes as a JPEG. Settings › Camera › Formats › Most Compatible makes new ones "
        "JPEGs."
    ),
    "tiff": _(
        "A TIFF file. Mac: Preview, File › Export › PNG. Windows: Paint, File › Save as › PNG. Photoshop: "
        "File › Export › Export As › PNG. Then add the PNG."
    ),
    "pdf": _(
        "A PDF file. Mac: Preview, File › Export › PNG. Acrobat: File › Export › Image › PNG. Illustrator: "
        "File › Export › Export As › PNG. Then add each page that is a picture."
    ),
    "kra": _("A Krita file. Krita: File › Export › PNG. Then add the PNG."),
    "svg": _(
        "A drawing in SVG. Inkscape: File › Export › PNG. Illustrator: File › Export › Export As › PNG."
    ),
    "raw": _(
        "A camera's raw file. Lightroom: File › Export › JPEG. darktable: export selected › JPEG. Then add "
        "the JPEG as you show it."
    ),
}

_SUMMARY: Final[Mapping[str, "Text"]] = {
    "start": _("Register {n} pictures"),
    "start_one": _("Register 1 picture"),
    "start_none": _("Register them"),
    "left_out": _("Left out as no pictures: {n} other files."),
    "done": _("{done} of {all}"),
    "counts": _("Registered: {registered}. Known already: {known}. Refused: {refused}. Not sent: {failed}."),
    "seconds": _("About {n} s left"),
    "minutes": _("About {n} min left"),
    "sent": _("Sent: {size} MB."),
    "pause": _("Pause"),
    "continue": _("Continue"),
    "paused": _("Paused."),
    "finished": _("Finished."),
    "offline": _("No connection. It goes on by itself once there is one."),
    "insecure": _(
        "This page was not opened over https, so the browser cannot take digests. Open it over https, or use "
        "the form for one picture."
    ),
}


def script_words() -> dict[str, dict[str, str]]:
    """Every text that the script shows, in the visitor's language."""
    groups = {"states": _STATES, "why": _WHY, "export": _EXPORT, "summary": _SUMMARY}
    return {name: {key: str(text) for key, text in group.items()} for name, group in groups.items()}
