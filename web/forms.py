"""What creators fill in. Forms check shapes; whether a picture is one, only the sandbox says."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import URLValidator
from django.utils.translation import gettext_lazy as _

from accounts.models import ErasureRequest, Membership, Organization, User
from consent.imports import MAX_BYTES as MAX_LIST_BYTES
from holdout.carriers.kit import Choice, choice_of
from holdout.errors import InvalidInput, UnreadablePicture
from holdout.fingerprints.limits import FORMATS, MAX_BYTES
from holdout.vocabulary import PRESETS, Preference, Preferences, UsageCategory
from registry.control import Extent
from registry.unseen import Codes
from web.refusals import refusal_words
from web.words import CHOICES, OWN, PRESET_WORDS, UseLine, preset_of, said_lines, use_words, value_choices

_ACCEPT = ",".join(f"image/{name.lower()}" for name in FORMATS)
_CODES: Final = ("phash", "pdq", "width", "height")
_MAX_SIDE: Final = 65_535
_LATEST: Final = timedelta(days=3_652)


class WebAddressField(forms.URLField):
    """A URL of the web: Django's own field would take ftp too."""

    default_validators = [URLValidator(schemes=["http", "https"])]


class DeclarationForm(forms.Form):
    """What may be done with something: one of the presets, or a choice use by use."""

    preset = forms.ChoiceField(
        label=_("What do you say about this picture?"),
        choices=[*((preset, PRESET_WORDS[preset].name) for preset in CHOICES), (OWN, _("Your own choice"))],
        widget=forms.RadioSelect,
        initial=CHOICES[0],
    )
    terms_url = WebAddressField(
        label=_("Where your terms stand (optional)"),
        help_text=_("A web address. It is used where you say “Ask first”."),
        required=False,
        max_length=200,
        assume_scheme="https",
    )

    def __init__(self, *args: Any, said: Preferences | None = None, **kwargs: Any) -> None:
        """`said`: what the form begins with, as a preset if it is one."""
        if said:
            chosen = {"preset": preset_of(said) or OWN} | {use.value: value for use, value in said.items()}
            kwargs["initial"] = chosen | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)
        for use in UsageCategory:
            name, meaning = use_words(use)
            self.fields[use.value] = forms.ChoiceField(
                label=name, help_text=meaning, choices=value_choices, required=False
            )

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if said.get("preset") == OWN and not any(said.get(use.value) for use in UsageCategory):
            self.add_error("preset", _("Say something of at least one use."))
        return said

    def preferences(self) -> Preferences:
        """What is chosen; for a valid form."""
        said = self.cleaned_data
        if said["preset"] != OWN:
            return PRESETS[said["preset"]]
        return {use: Preference(said[use.value]) for use in UsageCategory if said[use.value]}

    def terms(self) -> str:
        """The terms' address where something is conditional, else an empty text."""
        conditional = Preference.CONDITIONAL in self.preferences().values()
        return str(self.cleaned_data["terms_url"]) if conditional else ""

    def preset_choices(self) -> list[dict[str, Any]]:
        """For the template: each preset's radio button with its sentence and exact meaning."""
        return [
            {"radio": radio, "sentence": PRESET_WORDS[preset].sentence, "lines": _lines(preset)}
            for preset, radio in zip(CHOICES, self["preset"], strict=False)
        ]

    def own_choice(self) -> dict[str, Any]:
        """For the template: the radio button of one's own choice, and its fields."""
        return {"radio": self["preset"][len(CHOICES)], "fields": [self[use.value] for use in UsageCategory]}


class _FromADay(forms.Form):
    """With a day from which on it is to hold."""

    starts_on = forms.DateField(
        label=_("From which day on (optional)"),
        help_text=_(
            "Empty: now. The day begins at 00:00 UTC; until then what you say now holds. It takes the place "
            "of anything else that was to begin later."
        ),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def clean_starts_on(self) -> date | None:
        day: date | None = self.cleaned_data["starts_on"]
        today = datetime.now(UTC).date()
        if day is not None and not today < day <= today + _LATEST:
            raise forms.ValidationError(_("Choose a day after today, and within ten years."))
        return day

    def starts_at(self) -> datetime | None:
        """The moment, None for now; for a valid form."""
        day: date | None = self.cleaned_data["starts_on"]
        return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


class WorkForm(_FromADay, DeclarationForm):
    """What may be done with a work that is registered."""


class AllWorksForm(_FromADay, DeclarationForm):
    """What may be done with everything that is registered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["preset"].label = _("What do you say about all your works?")


class _OfAPlace(DeclarationForm):
    """What may be done with everything at a place."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["preset"].label = _("What do you say about everything there, now and later?")


class PlaceDeclarationForm(_FromADay, _OfAPlace):
    """The same of a place that was claimed."""


class PlaceForm(_OfAPlace):
    """An account or a site, and what is said about all that stands there."""

    field_order = ("address", "extent", "preset", "terms_url")

    address = forms.CharField(
        label=_("Address of your profile or site"),
        help_text=_(
            "Such as https://weibo.com/u/…, https://www.xiaohongshu.com/user/profile/…, "
            "https://yourname.lofter.com or example.com."
        ),
        max_length=2000,
        widget=forms.TextInput(attrs={"inputmode": "url", "autocapitalize": "none", "spellcheck": "false"}),
    )
    extent = forms.TypedChoiceField(
        label=_("How much of a site of your own"),
        help_text=_("For a profile on a platform this does not matter: your account there is meant."),
        choices=[
            (Extent.HOST.value, _("This host, exactly as it is written")),
            (Extent.DOMAIN.value, _("The domain with all its subdomains (proven in DNS)")),
            (Extent.FOLDER.value, _("Only this folder")),
        ],
        coerce=Extent,
        initial=Extent.HOST.value,
    )


class ImportForm(DeclarationForm):
    """Addresses, in one of three ways, and what is said of all of them."""

    addresses = forms.CharField(
        label=_("Addresses, one in each line"),
        required=False,
        max_length=250_000,  # Django's limit for forms is in octets; more goes into a file
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocapitalize": "none"}),
    )
    file = forms.FileField(
        label=_("Or a file: a text, or a CSV with a column named url"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".txt,.csv,text/plain,text/csv"}),
    )
    sitemap = WebAddressField(
        label=_("Or a site map"),
        help_text=_("Such as https://example.com/sitemap.xml. Its pictures are taken, at most 50,000."),
        required=False,
        max_length=2000,
        assume_scheme="https",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["preset"].label = _("What do you say about all of them?")

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        given = [name for name in ("addresses", "file", "sitemap") if said.get(name)]
        if len(given) != 1:
            raise forms.ValidationError(_("Give the addresses in one of the three ways."))
        if said.get("file") and (said["file"].size or 0) > MAX_LIST_BYTES:
            raise forms.ValidationError(_("The file is larger than 10 MB. Send it in parts."))
        return said

    def octets(self) -> bytes:
        """The list; for a valid form without a site map."""
        file: UploadedFile[bytes] | None = self.cleaned_data["file"]
        return file.read() if file else str(self.cleaned_data["addresses"]).encode()


class PageForm(forms.Form):
    """A page of a place that bears its code."""

    page = WebAddressField(
        label=_("The code is in a post? Its address (optional)"),
        required=False,
        max_length=2000,
        assume_scheme="https",
    )


class RegistrationForm(DeclarationForm):
    """One picture and what is said about it."""

    picture = forms.FileField(
        label=_("Picture"),
        help_text=_(
            "JPEG, PNG, GIF, WebP or AVIF, up to 25 MB. It is deleted once its fingerprints are taken."
        ),
        error_messages={
            "required": _("Choose a picture."),
            "missing": _("Choose a picture."),
            "invalid": _("Choose a picture."),
            "empty": _("The file is empty. Choose another one."),
        },
        widget=forms.FileInput(attrs={"accept": _ACCEPT}),
    )
    title = forms.CharField(
        label=_("Title (optional)"),
        help_text=_("Only you see it. Vendors are never told."),
        required=False,
        max_length=300,
    )

    def clean_picture(self) -> "UploadedFile[bytes]":
        return _of_bearable_size(self.cleaned_data["picture"])


class _OneOfMany(DeclarationForm):
    """One of many pictures, as the page's script sends it, and what is said about all of them."""

    sha256 = forms.RegexField(r"^[0-9a-f]{64}\Z")
    title = forms.CharField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["preset"].label = _("What do you say about all of these pictures?")

    def clean_title(self) -> str:
        """A file's name has as many characters as it has."""
        return str(self.cleaned_data["title"])[:300]

    def original(self) -> bytes:
        """The digest of the file on the creator's own device; for a valid form."""
        return bytes.fromhex(self.cleaned_data["sha256"])

    def refusal(self) -> tuple[str, str]:
        """The code and the words for an invalid form."""
        field, errors = next(iter(self.errors.items()))
        code = {"sha256": "fingerprint_malformed", "title": "title_malformed"}
        return code.get(field, "statement_malformed"), str(errors[0])


class ManyForm(_OneOfMany):
    """With the picture, or a copy of it. The page shows the fields of the statement alone."""

    picture = forms.FileField(
        error_messages={
            name: refusal_words(UnreadablePicture("picture_missing", ""))
            for name in ("required", "missing", "invalid", "empty")
        }
    )

    def clean_picture(self) -> "UploadedFile[bytes]":
        return _of_bearable_size(self.cleaned_data["picture"])

    def refusal(self) -> tuple[str, str]:
        code, words = super().refusal()
        if "picture" in self.errors:
            too_large = self.has_error("picture", "picture_too_large")
            return "picture_too_large" if too_large else "picture_missing", str(self.errors["picture"][0])
        return code, words


class UnseenForm(_OneOfMany):
    """Without the picture: its codes, which the browser took, or none where they would say nothing."""

    phash = forms.RegexField(r"^[0-9a-f]{64}\Z", required=False)
    pdq = forms.RegexField(r"^[0-9a-f]{64}\Z", required=False)
    width = forms.IntegerField(min_value=1, max_value=_MAX_SIDE, required=False)
    height = forms.IntegerField(min_value=1, max_value=_MAX_SIDE, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        given = [bool(self.cleaned_data.get(name)) for name in _CODES]
        if any(given) and not all(given):
            self.add_error("phash", refusal_words(InvalidInput("fingerprint_malformed", "")))
        return cleaned

    def codes(self) -> Codes | None:
        """For a valid form."""
        given = self.cleaned_data
        if not given["phash"]:
            return None
        return Codes(
            bytes.fromhex(given["phash"]), bytes.fromhex(given["pdq"]), given["width"], given["height"]
        )

    def refusal(self) -> tuple[str, str]:
        code, words = super().refusal()
        return ("fingerprint_malformed" if set(self.errors) & set(_CODES) else code), words


def _of_bearable_size(picture: "UploadedFile[bytes]") -> "UploadedFile[bytes]":
    if picture.size is None or picture.size > MAX_BYTES:
        refused = UnreadablePicture("picture_too_large", "")
        raise forms.ValidationError(refusal_words(refused), code=refused.code)
    return picture


def _lines(preset: str) -> list[UseLine]:
    return said_lines(PRESETS[preset])


_REFUSING: Final = [preset for preset in CHOICES if preset != "open"]


class ErasureForm(forms.Form):
    """How an account is to be deleted, confirmed by its address."""

    kind = forms.ChoiceField(choices=[(kind, kind) for kind in ErasureRequest.Kind], widget=forms.RadioSelect)
    email = forms.CharField(
        label=_("Type your email address to confirm"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        self.fields["kind"].error_messages["required"] = _("Choose one of the two.")

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if email.strip().casefold() != self._user.email.casefold():
            raise forms.ValidationError(_("This is not the address of your account."))
        return email


class OrganizationForm(forms.Form):
    """What an organisation is called."""

    name = forms.CharField(label=_("Name of the organisation"), max_length=200)


class InvitationForm(forms.Form):
    """Whom to let in, and as what."""

    email = forms.EmailField(label=_("Email address"), max_length=254)
    role = forms.ChoiceField(
        label=_("As"),
        choices=[
            (Membership.Role.MEMBER.value, _("member: declares for the organisation")),
            (Membership.Role.MANAGER.value, _("manager: also changes members and keys")),
        ],
    )


class KeyForm(forms.Form):
    """What a key is for."""

    name = forms.CharField(
        label=_("What is it for?"), help_text=_("So that you know later which one to revoke."), max_length=100
    )


class PermissionForm(forms.Form):
    """Which vendor may do what until when, with all that one says oneself."""

    vendor = forms.ChoiceField(
        label=_("Whom do you permit it?"),
        help_text=_("Organisations that we have vetted and that asked to be listed here."),
    )
    uses = forms.MultipleChoiceField(
        label=_("What do you permit?"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one use.")},
    )
    until = forms.DateField(
        label=_("Until which day?"),
        help_text=_("The last day on which it counts, in UTC; at most five years from now."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
    )

    def __init__(self, *args: Any, vendors: Iterable[Organization], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["vendor"].choices = [  # type: ignore[attr-defined] # as Django's choice fields have it
            (vendor.public_id, vendor.name) for vendor in vendors
        ]
        self.fields["uses"].choices = [  # type: ignore[attr-defined]
            (use.value, use_words(use)[0]) for use in UsageCategory
        ]

    def use_boxes(self) -> list[dict[str, Any]]:
        """For the template: the box of each use, with what the use means."""
        boxes = zip(UsageCategory, self["uses"], strict=True)
        return [{"box": box, "meaning": use_words(use)[1]} for use, box in boxes]

    def chosen(self) -> frozenset[UsageCategory]:
        """The uses; for a valid form."""
        return frozenset(map(UsageCategory, self.cleaned_data["uses"]))

    def expires_at(self) -> datetime:
        """When the last day ends; for a valid form."""
        # After the last day that there is comes none; it is refused as too far away.
        last = min(self.cleaned_data["until"], date.max - timedelta(days=1))
        return datetime.combine(last + timedelta(days=1), time(), tzinfo=UTC)


class HandoverForm(forms.Form):
    """The code with which somebody takes over what was registered for them."""

    code = forms.CharField(
        label=_("Code"),
        max_length=100,
        widget=forms.TextInput(
            attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}
        ),
    )


class KitForm(forms.Form):
    """For which site, and what is said there."""

    preset = forms.ChoiceField(
        label=_("What do you say?"), choices=[(preset, PRESET_WORDS[preset].name) for preset in _REFUSING]
    )
    site = WebAddressField(label=_("Your site"), max_length=2000, assume_scheme="https")
    name = forms.CharField(label=_("Your name or pseudonym (optional)"), max_length=200, required=False)
    contact = WebAddressField(
        label=_("Where a licence can be asked for (optional)"),
        max_length=500,
        required=False,
        assume_scheme="https",
    )
    number = forms.CharField(label=_("Registration number (optional)"), max_length=40, required=False)
    format = forms.CharField(required=False, widget=forms.HiddenInput)

    def choice(self, number_page: Callable[[str], str]) -> Choice:
        """For a valid form; `number_page` gives the address of a number. Raises as `choice_of` does."""
        said = self.cleaned_data
        return choice_of(
            PRESETS[said["preset"]],
            site=said["site"],
            name=said["name"],
            contact=said["contact"],
            number=said["number"],
            statement=number_page(said["number"]) if said["number"] else "",
        )


class MarkForm(forms.Form):
    """A picture that is to carry what is said."""

    preset = forms.ChoiceField(
        label=_("What do you say?"), choices=[(preset, PRESET_WORDS[preset].name) for preset in _REFUSING]
    )
    picture = forms.FileField(
        label=_("Picture (JPEG, PNG or WebP)"),
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
    )
    statement = WebAddressField(
        label=_("Address of your portfolio or statement"), max_length=500, assume_scheme="https"
    )
    name = forms.CharField(label=_("Your name or pseudonym (optional)"), max_length=200, required=False)

    def clean_picture(self) -> "UploadedFile[bytes]":
        """Not larger than what may be registered."""
        return _of_bearable_size(self.cleaned_data["picture"])
