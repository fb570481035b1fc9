"""What the pages say in words for a refusal's code; every text is translated when it is shown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

from holdout.errors import HoldoutError
from registry.looking import Attempt

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise as Text


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """Where the code of a place was looked for, and why that showed nothing."""

    where: str
    words: "Text"


_MANY_PUBLISH: Final = _("Many people publish on this site. Give the address of your own profile there.")
_REFUSALS: Final[Mapping[str, "Text"]] = {
    "another_account": _(
        "You were signed in there with another account. Sign out at the platform, sign in with the account "
        "that this place is, and try again."
    ),
    "claims_in_doubt": _(
        "Addresses that you added seem to be somebody else’s. Prove an account or a site of yours, and you "
        "can add more."
    ),
    "managers_only": _("Only who manages the organisation can do that."),
    "last_manager": _("Somebody must manage the organisation. Make somebody else manager first."),
    "organization_not_shared": _(
        "You act for yourself here. Found an organisation to act together with others."
    ),
    "member_already": _("Whoever has this address is a member already."),
    "too_many_invitations": _("Too many invitations wait. Take some back first."),
    "too_many_organizations": _("You manage as many organisations as one person may."),
    "too_many_keys": _("So many keys are in use already. Revoke one that you no longer need."),
    "handover_unknown": _(
        "This code is wrong, was used before, or is older than 30 days. Ask the platform for a new one."
    ),
    "own_act_needed": _(
        "For somebody else one may only restrict. To permit, to loosen and to withdraw is their own act."
    ),
    "inquiry_unknown": _("You have no such message."),
    "vendor_unknown": _("This organisation cannot be permitted anything. Choose one that is listed."),
    "grant_unknown": _("You gave no such permission."),
    "grant_without_uses": _("Choose at least one use."),
    "grant_has_ended": _("Name a day that is still to come."),
    "grant_too_long": _("Permit it for at most five years; you can renew it then."),
    "too_many_grants": _("So many permissions stand already. Revoke one that you no longer need."),
    "daily_limit": _(
        "That is more than can be registered in a day; with a proven account or site it is much more."
    ),
    "too_many_imports": _("Wait until the imports that run are done, or until tomorrow."),
    "list_empty": _("There is no address in it; give one in each line."),
    "list_too_long": _("At most 50,000 addresses at once; send the rest as another list."),
    "list_not_text": _("Save the list as UTF-8 text or CSV and send it again."),
    "sitemap_not_found": _("There is no site map at this address."),
    "sitemap_unreadable": _("This is no site map that can be read."),
    "sitemap_empty": _("The site map lists nothing."),
    "code_not_found": _(
        "The page answered, but the code is not there, or not where only its holder can write."
    ),
    "page_not_in_place": _("Name a post within your account there, without ? and what follows it."),
    "too_many_unproven": _("Prove some of your places, or remove them, before you add more."),
    "place_on_record": _(
        "What was proven or said of a place stays on record. You can withdraw what you said."
    ),
    "scope_not_claimable": _("This is no name that one party could be shown to hold."),
    "scope_is_public_suffix": _("Anybody can have a name below this one; give your own."),
    "scope_is_shared_host": _(
        "Many people publish on this site. Give the address of your own profile there."
    ),
    "scope_path_too_broad": _(
        "Many people publish on this site. Give the address of your own profile there."
    ),
    "path_prefix_has_query": _("A folder has no query: leave out the ? and what follows it."),
    "address_not_public": _("The host is not on the public internet."),
    "host_invalid": _("No host can have this name."),
    "port_not_allowed": _("Only the ports 80 and 443 are asked."),
    "url_has_credentials": _("Give the web address without a user name and password."),
    "too_many_redirects": _("The address redirects too many times; name the last one."),
    "redirect_loop": _("The address redirects in a circle; name one that answers."),
    "dns_failed": _("The host's name could not be resolved; look at its DNS records and try again."),
    "connect_failed": _("The host could not be reached; see that its web server runs and try again."),
    "timed_out": _("The answer took too long; try again when the host is less busy."),
    "tls_failed": _("No secure connection to the host; look at its certificate and try again."),
    "too_large": _("The answer is too large."),
    "number_malformed": _("This is no registration number; look for a slip in typing."),
    "number_unknown": _("Nothing is registered under this number."),
    "nothing_to_mark": _("Nothing is refused, so there is nothing to mark."),
    "picture_not_markable": _("Only JPEG, PNG and WebP files can be marked; save it as one."),
    "picture_has_manifest": _("This picture carries signed Content Credentials, which a change would break."),
    "xmp_unreadable": _("The picture's XMP cannot be read, so it says nothing. Save the picture anew."),
    "text_not_printable": _("Give one line of at most 500 characters."),
    "picture_too_large": _("The file is larger than 25 MB. Send a smaller copy."),
    "picture_format_unsupported": _(
        "This is no JPEG, PNG, GIF, WebP or AVIF picture, whatever its name says. Convert it and try again."
    ),
    "picture_too_many_pixels": _(
        "The picture has more pixels than can be decoded here. Send a copy of at most 12 million pixels."
    ),
    "picture_damaged": _("The picture is incomplete or damaged. Open it in an editor and save it again."),
    "picture_crashed_decoder": _("The picture cannot be read. Open it in an editor and save it again."),
    "picture_took_too_long": _("Reading the picture took too long. Send a smaller or simpler copy."),
    "picture_missing": _("The upload did not arrive. Send it again."),
    "ingest_busy": _("Too much is going on here right now. Nothing was registered; try again in a minute."),
    "sandbox_unavailable": _("Pictures cannot be read right now. Nothing was registered; try again later."),
    "said_meanwhile": _("Something else was declared about this work meanwhile. Look at it and try again."),
    "staff_not_erasable": _("You are staff. Ask somebody who may to dismiss you first."),
    "erasure_waits": _("The deletion of this account has been asked for already."),
    "erasure_not_waiting": _("No deletion of this account waits: it was called off before, or has begun."),
    "nothing_to_withdraw": _("Nothing is said about this work, so there is nothing to withdraw."),
    "url_invalid": _("This is no complete web address. It looks like https://example.com/picture.jpg."),
    "url_scheme_unsupported": _("Only addresses that begin with http:// or https:// can be checked."),
    "url_too_long": _("This address is too long to be checked."),
    "parameter_unknown": _(
        "The address did not arrive whole: in a link, every & in it must be escaped. Paste the whole address "
        "into the field above."
    ),
}


def attempt_lines(attempts: Iterable[Attempt]) -> list[AttemptLine]:
    return [AttemptLine(a.where, _REFUSALS.get(a.error, _("It could not be read."))) for a in attempts]


def refusal_words(error: HoldoutError) -> "Text":
    """The refusal for a person; the error's own detail where no translation is at hand."""
    return _REFUSALS.get(error.code, error.detail)
