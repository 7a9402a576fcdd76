"""What a person is called: addresses, ids, names and telephone numbers, to find and blank them in texts of any form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

BLANK = "[erased]"
_LEAST_ID = 4
_LEAST_DIGITS = 7
_LEAST_NAME = 6


@dataclass(frozen=True)
class Tokens:
    """The texts of one or several people, in lower case."""

    emails: frozenset[str] = frozenset()
    """Addresses; each means its ``+tag`` forms as well."""
    words: frozenset[str] = frozenset()
    """Ids and names in the forms in which files write them."""
    digits: frozenset[str] = frozenset()
    """Telephone numbers, digits alone."""
    others: frozenset[str] = frozenset()
    """Addresses with a ``+tag`` that are somebody else's."""

    @classmethod
    def of(
        cls, emails: Iterable[str], ids: Iterable[str], names: Iterable[tuple[str, str]], phones: Iterable[str]
    ) -> Tokens:
        """The tokens of one person; what is too short to mean one person alone is left out."""
        words = {text for text in ids if len(text) >= (_LEAST_NAME if text.isdigit() else _LEAST_ID)}
        for given, family in dict.fromkeys(spelling for name in names for spelling in _spellings(*name)):
            forms = [f"{given} {family}", f"{family} {given}"] if given and family else [given or family]
            if given and family:
                forms += [f"{family}{between}{given}" for between in (", ", ",", "/", ";", "\t")]
                forms += [f"{given}{between}{family}" for between in (",", ";", "\t", ".", "_", "-")]
            words |= {form for form in forms if len(form) >= _LEAST_NAME and re.search(r"\W", form)}
        numbers = {re.sub(r"\D", "", phone) for phone in phones}
        return cls(
            frozenset(email.lower() for email in emails),
            frozenset(word.lower().strip() for word in words),
            frozenset(number for number in numbers if len(number) >= _LEAST_DIGITS),
        )

    def __or__(self, other: Tokens) -> Tokens:
        emails = self.emails | other.emails
        return Tokens(
            emails, self.words | other.words, self.digits | other.digits, (self.others | other.others) - emails
        )

    def addresses(self) -> Tokens:
        """The addresses alone."""
        return Tokens(emails=self.emails, others=self.others)

    def patterns_in(self, text: str) -> list[re.Pattern[str]]:
        """A pattern for each of them that a text holds where it stands alone.

        They are looked for one by one, which is quicker than one pattern of many choices at every letter.
        """
        lowered = text.lower()
        found = [
            re.compile(address_form(one, self.others), re.IGNORECASE)
            for one in self.emails
            if one in lowered or f"{one.partition('@')[0]}+" in lowered
        ]
        found += [_pattern(one, r"\w", r"\w") for one in self.words if one in lowered]
        if self.digits:
            joined = _BETWEEN_DIGITS.sub("", text)
            found += [_phone_pattern(number) for number in self.digits if number in joined]
        return [pattern for pattern in found if pattern.search(text)]

    def are_in(self, data: bytes | str) -> bool:
        """Whether any of the texts is in some bytes, whatever their encoding."""
        texts = [data] if isinstance(data, str) else list(_decoded(data))
        return any(self.patterns_in(text) for text in texts)

    def blank(self, text: str, by: Callable[[re.Match[str]], str] = lambda found: BLANK) -> str:
        """A text with ``[erased]``, or what ``by`` says, in place of each of them."""
        for pattern in self.patterns_in(text):
            text = pattern.sub(by, text)
        return text


def address_form(email: str, others: Iterable[str] = ()) -> str:
    """A pattern of an address where it stands alone, with a ``+tag`` or without; ``others`` are somebody else's."""
    local, _, domain = email.partition("@")
    tagged = sorted(re.escape(one) for one in others if one.startswith(f"{local}+") and one.endswith(f"@{domain}"))
    but = rf"(?!(?:{'|'.join(tagged)})(?![\w-]|\.\w))" if tagged else ""
    return rf"(?<![\w.+-]){but}{re.escape(local)}(?:\+[\w.+=-]{{0,64}})?@{re.escape(domain)}(?![\w-]|\.\w)"


_ACCENTS = re.compile("[\u0300-\u036f]")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa", "œ": "oe"})
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ł": "l", "đ": "d", "ı": "i"})


def _spellings(given: str, family: str) -> Iterable[tuple[str, str]]:
    """A name as it is, and as systems without its letters write it."""
    yield given, family
    whole = [unicodedata.normalize("NFC", text).lower() for text in (given, family)]
    for letters in (_UMLAUTS, _LETTERS):
        folded = [text.translate(letters) for text in whole]
        given, family = (unicodedata.normalize("NFD", text) for text in folded)
        yield _ACCENTS.sub("", given), _ACCENTS.sub("", family)


_BETWEEN_DIGITS = re.compile(r"(?<=\d)[ ().\-/]+(?=\d)")


def _pattern(text: str, before: str, after: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!{before}){re.escape(text)}(?!{after})", re.IGNORECASE)


def _phone_pattern(number: str) -> re.Pattern[str]:
    return re.compile(r"(?<!\d)\+?" + r"[ ().\-/]*".join(number) + r"(?!\d)")


def _decoded(data: bytes) -> Iterable[str]:
    yield data.decode("utf-8", "replace")
    if data.count(0) * 8 > len(data):
        yield data.decode("utf-16-le", "replace")
        yield data.decode("utf-16-be", "replace")
    elif not data.isascii():
        yield data.decode("latin-1")
