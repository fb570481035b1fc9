"""PLUS and IPTC Data Mining in a picture's XMP: read, and written into a marked copy.

IPTC Photo Metadata Standard 2025.1, PLUS LDF; `tdm:` properties of TDMRep stand beside it.
"""

from collections.abc import Mapping
from typing import Final

from holdout.carriers import containers, tdmrep, xmp
from holdout.carriers.reading import shown
from holdout.carriers.standards import standards, together
from holdout.carriers.xmp import Value, Xmp
from holdout.errors import InvalidInput
from holdout.signals import Note, Signal
from holdout.vocabulary import Preference, Preferences, UsageCategory

PARSER: Final = 1
NOTES: Final = {
    "plus_value_unknown": "This is no value of the PLUS vocabulary, so it says nothing.",
    "plus_values_differ": "Data Mining stands twice in this file, and not the same; all of it counts.",
    "plus_digital_source_type": "How the picture says it was made; it decides nothing.",
}
PLUS: Final = "http://ns.useplus.org/ldf/xmp/1.0/"
VOCABULARY: Final = "http://ns.useplus.org/ldf/vocab/"
_VOCABULARY_PLACE: Final = "ns.useplus.org/ldf/vocab"
_IPTC: Final = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_RIGHTS: Final = "http://ns.adobe.com/xap/1.0/rights/"
_DC: Final = "http://purl.org/dc/elements/1.1/"
_TDM: Final = ("http://www.w3.org/ns/tdmrep/", "http://www.w3.org/ns/tdmrep#")
_DC_TERMS: Final = "http://purl.org/dc/terms/"
_PREFIXES: Final = {PLUS: "plus", _RIGHTS: "xmpRights", _DC: "dc", _TDM[0]: "tdm"}
_IN_WORDS: Final[Mapping[str, str]] = {
    "unspecified - no prohibition defined": "DMI-UNSPECIFIED",
    "allowed": "DMI-ALLOWED",
    "prohibited for ai/ml training": "DMI-PROHIBITED-AIMLTRAINING",
    "prohibited for generative ai/ml training": "DMI-PROHIBITED-GENAIMLTRAINING",
    "prohibited except for search engine indexing": "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING",
    "prohibited": "DMI-PROHIBITED",
    "prohibited, see plus:otherconstraints": "DMI-PROHIBITED-SEECONSTRAINT",
    "prohibited, see iptc4xmpext:embdencrightsexpr": "DMI-PROHIBITED-SEEEMBEDDEDRIGHTSEXPR",
    "prohibited, see iptc4xmpext:linkedencrightsexpr": "DMI-PROHIBITED-SEELINKEDRIGHTSEXPR",
}
"""The English labels, which old programs write in the place of the address."""


def read(said: Xmp) -> Signal | None:
    """What `plus:DataMining` says; None where it does not stand in the packet."""
    values = said.values(PLUS, "DataMining")
    if not values and not said.notes:
        return None
    standard = standards()["plus"]
    labels = [_label(value) for value in values]
    known = [standard.labels[label] for label in labels if label is not None]
    notes = [*said.notes]
    notes += [
        Note("plus_value_unknown", shown(v)) for v, label in zip(values, labels, strict=True) if not label
    ]
    if len(set(labels)) > 1:
        notes.append(Note("plus_values_differ", shown(", ".join(values))))
    notes += [Note("plus_digital_source_type", shown(v)) for v in said.values(_IPTC, "DigitalSourceType")]
    combined = together(known)
    if None in labels:
        # What nobody understands may refuse.
        combined = {use: value for use, value in combined.items() if value is not Preference.ALLOW}
    return standard.signal(
        combined,
        source="XMP plus:DataMining",
        parser=PARSER,
        read=said.read,
        terms=_terms(said),
        notes=notes,
    )


def _label(value: str) -> str | None:
    """The vocabulary's token behind an address, a bare token or an English label."""
    labels = standards()["plus"].labels
    address, slash, token = value.rstrip("/").rpartition("/")
    token = token.upper()
    is_ours = not slash or address.partition("//")[2].lower() == _VOCABULARY_PLACE
    if token in labels and is_ours:
        return token
    return _IN_WORDS.get(" ".join(value.lower().split()))


def _terms(said: Xmp) -> list[str]:
    found = [
        *said.values(PLUS, "OtherConstraints"),
        *said.values(_IPTC, "LinkedEncRightsExpr"),
        *said.values(_RIGHTS, "WebStatement"),
        *said.values(PLUS, "LicensorURL"),
    ]
    return [text for text in found if text]


def tdm(said: Xmp) -> tuple[list[str], list[str]]:
    """Every `tdm:reservation` and `tdm:policy`, in either spelling of the namespace."""
    reservation, policy = (
        [value for namespace in _TDM for value in said.values(namespace, name)]
        for name in ("reservation", "policy")
    )
    return reservation, policy


def label_for(said: Preferences) -> str | None:
    """The label that says no less than these preferences; None where nothing is refused or conditional.

    It may say more. There is none that refuses use at run time, or mining, and leaves the rest open; the one
    that is taken then excepts search, of which the preferences may say nothing. Where one use is refused,
    what is conditional is refused too.
    """

    def refused(*uses: UsageCategory) -> bool:
        return any(said.get(use) in (Preference.DENY, Preference.CONDITIONAL) for use in uses)

    if Preference.CONDITIONAL in said.values() and Preference.DENY not in said.values():
        return "DMI-PROHIBITED-SEECONSTRAINT"
    if refused(UsageCategory.SEARCH):
        return "DMI-PROHIBITED"
    if refused(UsageCategory.AI_INPUT, UsageCategory.TDM):
        return "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING"
    if refused(UsageCategory.TRAIN_OTHER):
        return "DMI-PROHIBITED-AIMLTRAINING"
    return "DMI-PROHIBITED-GENAIMLTRAINING" if refused(UsageCategory.TRAIN_GEN) else None


def mark(
    file: bytes,
    said: Preferences,
    *,
    statement: str,
    constraint: Mapping[str, str],
    creator: str | None = None,
    policy: str | None = None,
) -> bytes:
    """A copy of a JPEG, PNG or WebP that carries these preferences; every pixel and all else in it stay.

    `statement` is the address at which the statement stands, `constraint` what it says by language
    (`x-default` among them), `policy` the address of a TDMRep policy. A creator who is named in the file
    already stays. Raises as `containers.place_xmp` and `xmp.merged` do, and `InvalidInput`
    (`nothing_to_mark`).
    """
    label = label_for(said)
    if label is None:
        raise InvalidInput("nothing_to_mark", "Nothing is refused, so there is nothing to mark.")
    packets = containers.find_xmp(file).found
    if len(packets) > 1:
        raise InvalidInput("xmp_unreadable", "The picture has several XMP packets; save it anew first.")
    before = packets[0] if packets else None
    known = xmp.parse_all(packets)
    if known.values(_DC_TERMS, "provenance"):
        raise InvalidInput("picture_has_manifest", containers.SIGNED)
    written: dict[xmp.Name, Value | None] = {
        **{(namespace, name): None for namespace in _TDM for name in ("reservation", "policy")},
        (PLUS, "DataMining"): VOCABULARY + label,
        (PLUS, "OtherConstraints"): constraint,
        (_RIGHTS, "Marked"): "True",
        (_RIGHTS, "WebStatement"): statement,
    }
    if tdmrep.reservation_of(said) == 1:
        written[_TDM[0], "reservation"] = "1"
        if policy:
            written[_TDM[0], "policy"] = policy
    packet = before
    if creator and not known.values(_DC, "creator"):
        # By itself, so that a second marking finds it as the first one left it.
        packet = xmp.merged(packet, {(_DC, "creator"): (creator,)}, prefixes=_PREFIXES)
    return containers.place_xmp(file, xmp.merged(packet, written, prefixes=_PREFIXES))
