"""Postal addresses written as one text: the part of them that names a town and what lies around it.

Streets and houses bear the names of towns ("Broadway", "Rue de Lyon"), so they are left out where the town follows.
"""

from __future__ import annotations

import re

_NUMBER_WORD = re.compile(r"[\w/-]*\d[\w/-]*")
_ENDS_WITH_NUMBER = re.compile(r"[^\d].*\s\d{1,5}(?:\s?-\s?\d{1,5})?\s?[a-zA-Z]?")
_STARTS_WITH_NUMBER = re.compile(r"\d{1,4}[a-zA-Z]?(?:-\d{1,4})?\s.*")


def locality(address: str) -> str:
    """The "City, Region, Country" of an address; the address itself where it is of one part."""
    parts = [part.strip(" ()[]\t\r\n") for part in re.split(r"[,;\n]", address[:500])]
    parts = [part for part in parts if part]
    street = next((index for index, part in enumerate(parts) if _is_street(part, len(parts) - index - 1)), -1)
    if len(parts) < 2:
        return address.strip()
    rest = [" ".join(_NUMBER_WORD.sub(" ", part).split()) for part in parts[street + 1 :]]
    rest = [part for part in rest if re.search(r"[^\W\d_]{2}", part)]
    return ", ".join(rest) or address.strip()


def _is_street(part: str, parts_after: int) -> bool:
    """Whether a part holds a house number: last ("Platz 1", a town follows), or first ("1 High St", more follow)."""
    if parts_after >= 2 and _STARTS_WITH_NUMBER.fullmatch(part):
        return True
    return parts_after >= 1 and _ENDS_WITH_NUMBER.fullmatch(part) is not None
