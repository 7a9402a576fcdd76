"""Who owns a use of a key: which records of one record locator are one traveller's (DOMAIN.md section 2).

Versions of a booking name a traveller now by employee id, now by e-mail address, now by name alone. Records of one key
that share one of these have one owner, and so do those that a chain of such records joins. But people who travel
together share an address, or a name: what two passengers of one version share joins nobody in that key.
"""

from __future__ import annotations

import duckdb

from pipelines.landing.cast import name

ROUNDS = 8
"""How often an owner is passed on: it joins what is at most so many shared facts apart on either side."""

CROWD = 300
"""More ways of naming travellers than this under one key say that it is a placeholder: then only an id joins.

A group's record holds 99 passengers.
"""

_TITLES = "mrs?|ms|miss|mx|mstr|dr|prof|professor"
"""Words that come and go between versions; not ``chd``, ``inf`` or ``jr``, which tell a child from a parent."""

_VERSION = "used_key, file_number, received_at, updated"
_PERSONS = "count(distinct person) filter (where person <> '')"
_ADDRESSES = "count(distinct address) filter (where address <> '')"
_NAMES = "count(distinct called) filter (where called <> '')"

# Two records of one version are two passengers: two ids, or two names that no common id holds together.
_TWO_PEOPLE = f"({_PERSONS} > 1 or ({_NAMES} > 1 and bool_or(person = '' and called <> '')))"
# The same for two records that have the name in common: an address of each.
_TWO_NAMESAKES = f"({_PERSONS} > 1 or ({_ADDRESSES} > 1 and bool_or(person = '' and address <> '')))"
# In two versions an id may have been corrected, but then the name stayed.
_TWO_IDS = (
    f"({_PERSONS} > 1 and (count(distinct called) filter (where person <> '') > 1 "
    "or max(called) filter (where person <> '') = ''))"
)


def find_owners(
    con: duckdb.DuckDBPyConnection, rows: str, key: str, same: tuple[str, str, str], updated_at: str | None
) -> None:
    """Make ``key_owner`` of ``rows``: used_key, owner_text (:func:`owner_text_sql`), owner.

    Keys whose records all name their traveller alike, which most do, are not in it: they have one owner.
    """
    text = owner_text_sql(same)
    updated = name(updated_at) if updated_at else "null::timestamp"
    con.execute(
        "create or replace temp table owner_said as "
        f"with shared as (select {key} as used_key from {rows} group by all having min({text}) <> max({text})), "
        f"said as (select used_key, {text} as owner_text, {_person_sql(same[0])} as person, "
        f"{_address_sql(same[1])} as address, {_called_sql(same[2])} as called, file_number, received_at, "
        f"{updated} as updated from {rows} join shared on {key} = used_key) "
        "select distinct *, concat_ws(chr(31), person, address, called) as claim from said"
    )
    con.execute(
        "create or replace temp table owner_fact as with "
        f"crowded as (select used_key from owner_said group by used_key having count(distinct claim) > {CROWD}), "
        "ambiguous as ("
        f"select used_key, 'address:' || address as fact from owner_said where address <> '' "
        f"group by {_VERSION}, address having {_TWO_PEOPLE} "
        "union select used_key, 'address:' || address from owner_said where address <> '' "
        f"group by used_key, address having {_TWO_IDS} "
        f"union select used_key, 'name:' || called from owner_said where called <> '' "
        f"group by {_VERSION}, called having {_TWO_NAMESAKES} "
        "union select used_key, 'name:' || called from owner_said where called <> '' "
        f"group by used_key, called having {_PERSONS} > 1 and {_ADDRESSES} > 1), "
        "stated as (select used_key, claim, 'id:' || person as fact from owner_said where person <> '' "
        "union select used_key, claim, 'address:' || address from owner_said where address <> '' "
        "union select used_key, claim, 'name:' || called from owner_said where called <> '') "
        "select stated.* from stated anti join ambiguous using (used_key, fact) "
        "left join crowded using (used_key) where crowded.used_key is null or starts_with(fact, 'id:')"
    )
    con.execute(
        "create or replace temp table owner_found as select distinct used_key, claim, claim as owner from owner_said"
    )
    for _ in range(ROUNDS):
        con.execute(
            "create or replace temp table owner_passed as "
            "with heard as (select used_key, fact, min(owner) as owner from owner_fact "
            "join owner_found using (used_key, claim) group by all), "
            "least as (select used_key, claim, min(heard.owner) as owner from owner_fact "
            "join heard using (used_key, fact) group by all) "
            "select used_key, claim, coalesce(least.owner, owner_found.owner) as owner, "
            "owner_found.owner <> coalesce(least.owner, owner_found.owner) as is_new "
            "from owner_found left join least using (used_key, claim)"
        )
        con.execute("create or replace temp table owner_found as select used_key, claim, owner from owner_passed")
        if not con.execute("select count(*) from owner_passed where is_new").fetchall()[0][0]:
            break
    # A chain of versions may still end at two passengers: then only an id joins.
    con.execute(
        "create or replace temp table key_owner as "
        "with found as (select * from owner_said join owner_found using (used_key, claim)), "
        f"mixed as (select used_key, owner from found group by {_VERSION}, owner having {_TWO_PEOPLE} "
        f"union select used_key, owner from found group by used_key, owner having {_TWO_IDS}) "
        "select distinct used_key, owner_text, case when mixed.owner is null then found.owner "
        "when person <> '' then person else claim end as owner from found left join mixed using (used_key, owner)"
    )
    for table in ("owner_said", "owner_fact", "owner_found", "owner_passed"):
        con.execute(f"drop table {table}")


def owner_text_sql(same: tuple[str, str, str]) -> str:
    """SQL of all that a record says of its owner, as it is written."""
    return "concat_ws(chr(31), " + ", ".join(f"coalesce({name(column)}, '')" for column in same) + ")"


def _person_sql(column: str) -> str:
    """Ids of digits are compared without leading zeros, which spreadsheets lose."""
    text = f"upper(trim(coalesce({name(column)}, '')))"
    return f"case when regexp_matches({text}, '^[0-9]+$') then ltrim({text}, '0') else {text} end"


def _address_sql(column: str) -> str:
    return f"regexp_extract(lower(coalesce({name(column)}, '')), '([^\\s<>,;:\"]+@[^\\s<>,;:\"]+)', 1)"


def _called_sql(column: str) -> str:
    """Names without case, accents and titles, also one that sticks to the given name (SMITH/ANNMS)."""
    text = f"strip_accents(lower(coalesce({name(column)}, '')))"
    text = f"regexp_replace({text}, '[''’‘ʼʻ`´]', '', 'g')"
    text = f"regexp_replace({text}, '[^\\p{{L}}\\p{{N}}/]+', ' ', 'g')"
    text = f"regexp_replace({text}, '\\b({_TITLES})\\b', ' ', 'g')"
    text = f"regexp_replace({text}, '(/.*[^ /]{{2}})(mrs|mr|ms|miss|mstr) *$', '\\1')"
    return f"trim(regexp_replace(regexp_replace({text}, ' *(/) *', '\\1', 'g'), ' +', ' ', 'g'), ' /')"
