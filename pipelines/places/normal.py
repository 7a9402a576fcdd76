"""How a place name is made comparable: one SQL expression, used by the gazetteer's build and repeated in the models.

Case is folded, accents and quotes go, dots join or part (``D.C.`` is ``dc``, ``St. John's`` is ``saint johns``),
every other sign parts words (P1). Commas, brackets, slashes and dashes between blanks become ``,`` and semicolons
and line ends become ``;`` so that a text can be cut at them before they go too.
"""

from __future__ import annotations

_LETTERS = (
    ("ß", "ss"),
    ("æ", "ae"),
    ("œ", "oe"),
    ("þ", "th"),
    ("ø", "o"),
    ("ł", "l"),
    ("đ", "d"),
    ("ð", "d"),
    ("ı", "i"),
)
_QUOTES = "['’‘`´ʼʻʿ\"“”]"


def marked_sql(column: str) -> str:
    """The SQL expression that folds a text but keeps its cuts as ``,`` and ``;`` between blanks."""
    text = f"strip_accents(lower({column}))"
    for letter, plain in _LETTERS:
        text = f"replace({text}, '{letter}', '{plain}')"
    text = f"regexp_replace({text}, '{_QUOTES.replace(chr(39), chr(39) * 2)}', '', 'g')"
    text = f"replace(replace(replace(' ' || {text}, ' st.', ' st '), '. ', ' '), '.', '')"
    text = f"regexp_replace({text}, '[;|\\n\\r]+', ' ; ', 'g')"
    text = f"regexp_replace({text}, '\\s+[-–—]+\\s+|[,():/]+', ' , ', 'g')"
    text = f"regexp_replace({text}, '[&+]+', ' and ', 'g')"
    text = f"' ' || regexp_replace({text}, '[^\\p{{L}}\\p{{M}}\\p{{N}},;]+', ' ', 'g') || ' '"
    return f"replace(replace(replace({text}, ' st ', ' saint '), ' ste ', ' sainte '), ' ft ', ' fort ')"


def key_sql(column: str) -> str:
    """The SQL expression of a name's comparable form: words of letters and digits parted by one blank."""
    return f"trim(regexp_replace({marked_sql(column)}, '[ ,;]+', ' ', 'g'))"
