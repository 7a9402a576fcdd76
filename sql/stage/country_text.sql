-- Grain: distinct text of a feed's country column, with the country that it means.
-- Rules: P1 (codes, names, the home's own aliases), P2 (what names no country is no hint, and never a default).
-- Why: feeds write FR, FRA and France in one column. A word that is no country would else be looked up as any place:
-- SYR is Syria here, and Syracuse's airport only in a column of airports. ISO's codes come first, then the home's
-- aliases, then Muster's, then names in any language; a name of three Latin letters ('Oma') is more likely a code of
-- something else. A country that is no more, or several of them, is none that a city could be looked for in.
with texts as (
    select country_code as country_text
    from land.bookings
    union
    select country_code as country_text
    from land.expenses
    union
    select country_code as country_text
    from land.ratings
    union
    select home_country_code as country_text
    from land.people
),

folded as (
    select
        country_text,
        trim(
            replace(
                ' '
                || regexp_replace(
                    replace(
                        regexp_replace(strip_accents(lower(country_text)), '[''’‘`´ʼʻʿ"“”.]', '', 'g'), '&', ' and '
                    ),
                    '[^\p{L}\p{M}\p{N}]+',
                    ' ',
                    'g'
                )
                || ' ',
                ' st ',
                ' saint '
            )
        ) as country_key
    from texts
    where country_text is not null
),

keyed as (
    select
        country_text,
        country_key
    from folded
    union
    -- ISO writes 'Netherlands (the)'.
    select
        country_text,
        regexp_replace(country_key, '^the | the$', '', 'g') as country_key
    from folded
),

alias as (
    select
        alias_key,
        case when min(source) = 'home' then 1 else 2 end as name_rank,
        min(country_code) as country_code
    from reference.place_alias
    group by alias_key
    having
        min(place_id) = max(place_id)
        and min(place_type) = 'country' and max(place_type) = 'country' and max(place_status) = 'resolved'
),

names as (
    select
        name_key as country_key,
        case name_kind when 'code' then 0 else 3 end as name_rank,
        weight,
        country_code
    from reference.gazetteer_name
    where
        place_type = 'country' and length(country_code) = 2
        and (name_kind = 'code' or length(name_key) > 3 or not regexp_matches(name_key, '^[a-z]+$'))
    union all
    select
        alias_key as country_key,
        name_rank,
        0.0 as weight,
        country_code
    from alias
    union all
    -- The European Union's code of Greece, and the countries that the United Kingdom is made of.
    select
        'el' as country_key,
        2 as name_rank,
        0.0 as weight,
        'GR' as country_code
    union all
    select
        unnest(['uk', 'england', 'scotland', 'wales', 'northern ireland']) as country_key,
        2 as name_rank,
        0.0 as weight,
        'GB' as country_code
),

ranked as (
    select
        keyed.country_text,
        names.country_code,
        row_number() over (
            partition by keyed.country_text order by names.name_rank asc, names.weight desc, names.country_code asc
        ) as choice_rank
    from keyed
    left join names on keyed.country_key = names.country_key
)

select
    country_text,
    country_code
from ranked
where choice_rank = 1
