"""Web pages and HTML e-mail: the JSON-LD and the microdata in them, as the objects that schema.org describes.

The parser fetches nothing, runs nothing and expands no entity of the document's own; libxml2's limits on depth and
size are left in force.
"""

from __future__ import annotations

from typing import Any

from lxml import etree

from pipelines.feeds.schema_org import load_json

_MAX_TEXT = 2000
_MAX_SCRIPTS = 200
_MAX_PROPERTIES = 20_000
_LINKS = {"href": ("a", "link", "area"), "src": ("img", "iframe", "embed", "source"), "datetime": ("time",)}


def structured_data(data: bytes, charset: str | None = None) -> list[Any]:
    """JSON-LD values and microdata reservations of a page, in this order; empty where it holds none."""
    root = _root(data, charset)
    if root is None:
        return []
    scripts: list[Any] = []
    tried = 0
    for element in root.iter(etree.Element):
        if _tag(element) == "script" and "ld+json" in (element.get("type") or "").lower():
            # In strict XML a script may hide its text in a comment.
            value = load_json(
                "".join([element.text or "", *(f"{each.text or ''}{each.tail or ''}" for each in element)])
            )
            scripts += [] if value is None else [value]
            tried += 1
            if tried >= _MAX_SCRIPTS:
                break
    return scripts + _Microdata().reservations(root)


def _root(data: bytes, charset: str | None) -> Any:
    """The tree: of strict XML where the page is that (it keeps blocks within paragraphs), else as browsers read it."""
    for make in (_xml_parser, _html_parser):
        try:
            root = etree.fromstring(data, make(charset))
        except (etree.LxmlError, ValueError, LookupError):
            continue
        if root is not None:
            return root
    return None


def _xml_parser(charset: str | None) -> Any:
    return etree.XMLParser(
        encoding=charset,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_pis=True,
    )


def _html_parser(charset: str | None) -> Any:
    return etree.HTMLParser(
        encoding=charset, recover=True, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )


def _tag(element: Any) -> str:
    tag = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def _text(element: Any) -> str:
    """The text within an element, up to a length that any property has."""
    parts: list[str] = []
    length = 0
    for part in element.itertext(etree.Element):
        parts.append(part)
        length += len(part)
        if length > _MAX_TEXT:
            break
    return " ".join("".join(parts)[:_MAX_TEXT].split())


class _Microdata:
    """Collects items; each element is looked at once."""

    def __init__(self) -> None:
        self.properties = 0

    def reservations(self, root: Any) -> list[Any]:
        """The items whose type is a reservation, also where they lie within another item.

        A parser moves a block out of the paragraph that holds it: a property outside all items belongs to the
        reservation before it, where that lacks it.
        """
        found: list[dict[str, Any]] = []
        stack = [root]
        while stack:
            element = stack.pop()
            if element.get("itemscope") is not None and "Reservation" in (element.get("itemtype") or ""):
                found.append(self._item(element))
            elif element.get("itemprop") and element.get("itemscope") is not None and found:
                found[-1].setdefault((element.get("itemprop") or "").split()[0], [self._item(element)])
            else:
                stack += [child for child in reversed(element) if isinstance(child.tag, str)]
        return found

    def _item(self, element: Any) -> dict[str, Any]:
        types = (element.get("itemtype") or "").split()
        item: dict[str, Any] = {"@type": types[:5]}
        stack = [child for child in reversed(element) if isinstance(child.tag, str)]
        while stack:
            child = stack.pop()
            names = (child.get("itemprop") or "").split()
            is_item = child.get("itemscope") is not None
            if names and self.properties < _MAX_PROPERTIES:
                self.properties += 1
                value = self._item(child) if is_item else self._value(child)
                for name in names[:5]:
                    item.setdefault(name, []).append(value)
            if not is_item:
                stack += [each for each in reversed(child) if isinstance(each.tag, str)]
        return item

    def _value(self, element: Any) -> str:
        content = element.get("content")
        if content is not None:
            return str(content)[:_MAX_TEXT].strip()
        for attribute, tags in _LINKS.items():
            if _tag(element) in tags and element.get(attribute) is not None:
                return str(element.get(attribute))[:_MAX_TEXT].strip()
        return _text(element)
