-- Grain: one row per distinct text of stage.place_text and place that it may mean; candidate_count of them.
-- Rules: P1, P2, P3, P4.
-- Why: the best candidate of each atom counts, unless the atom only says where another lies ('Ukraine' in
-- 'Kyiv, Ukraine'). A city that the word after it contradicts ('Smallville, Israel') gives way to that word. A text of
-- which nothing is known is the feed's own country if it names one, and otherwise stays unknown: never a default
-- country.
with

place_text as (
    select * from core.place_text
),

place_candidate as (
    select * from core.place_candidate
),

choice as (
    select * from place_candidate
    where choice_rank = 1
),

-- Which atoms hold the place chosen for another atom.
holding as (
    select
        holder.place_text_number,
        holder.atom_number as holder_number,
        choice.atom_number as held_number
    from choice
    inner join place_candidate as holder
        on
            choice.place_text_number = holder.place_text_number
            and choice.country_code = holder.country_code
    where
        choice.atom_number <> holder.atom_number
        and (
            (holder.place_type = 'country' and choice.place_type <> 'country')
            or (
                holder.place_type = 'region'
                and choice.place_type in ('city', 'site')
                and holder.region_code in (choice.region_code, choice.parent_region_code)
            )
        )
        and (holder.atom_number > choice.atom_number or holder.choice_rank = 1)
),

qualifier as (
    select distinct
        place_text_number,
        holder_number as atom_number
    from holding
),

-- The atom after a city says another region or country, and holds nothing else.
contradicted as (
    select distinct
        choice.place_text_number,
        choice.atom_number
    from choice
    inner join choice as after_choice
        on
            choice.place_text_number = after_choice.place_text_number
            and choice.group_number = after_choice.group_number
            and choice.atom_number + 1 = after_choice.atom_number
    left join qualifier
        on
            after_choice.place_text_number = qualifier.place_text_number
            and after_choice.atom_number = qualifier.atom_number
    where
        qualifier.atom_number is null
        and choice.place_type = 'city'
        and choice.support_score < 800
        and (
            after_choice.place_type = 'region'
            or (after_choice.place_type = 'country' and choice.name_weight < 500000)
        )
),

-- A short code that could be of several countries and that nothing supports says nothing.
vague as (
    select
        choice.place_text_number,
        choice.atom_number
    from choice
    inner join place_candidate as other
        on
            choice.place_text_number = other.place_text_number
            and choice.atom_number = other.atom_number
    where
        choice.name_kind = 'code'
        and choice.support_score = 0
        and choice.neighbour_count = 0
        and choice.atom_number > 1
        and other.country_code <> choice.country_code
    group by choice.place_text_number, choice.atom_number
),

named as (
    select
        choice.place_text_number,
        choice.atom_number,
        choice.name_kind
    from choice
    left join qualifier
        on
            choice.place_text_number = qualifier.place_text_number
            and choice.atom_number = qualifier.atom_number
    left join contradicted
        on
            choice.place_text_number = contradicted.place_text_number
            and choice.atom_number = contradicted.atom_number
    left join vague
        on
            choice.place_text_number = vague.place_text_number
            and choice.atom_number = vague.atom_number
    where
        qualifier.atom_number is null
        and contradicted.atom_number is null
        and vague.atom_number is null
),

-- An alias may stand for several places ('French West Indies'): all of them are meant.
meant as (
    select
        named.place_text_number,
        place_candidate.place_id,
        min(place_candidate.atom_number) as atom_number,
        max(place_candidate.place_status) as place_status,
        min(place_candidate.name_kind) as name_kind
    from named
    inner join place_candidate
        on
            named.place_text_number = place_candidate.place_text_number
            and named.atom_number = place_candidate.atom_number
            and named.name_kind = place_candidate.name_kind
    where place_candidate.choice_rank = 1 or (named.name_kind = 'alias' and place_candidate.support_score = 0)
    group by named.place_text_number, place_candidate.place_id
),

found as (
    select
        place_text_number,
        place_id,
        atom_number,
        place_status,
        1.0 as match_score,
        case name_kind when 'iata' then 'airport code' else name_kind end as match_method
    from meant
    union all
    select
        place_text.place_text_number,
        coalesce(place_text.country_hint, 'unknown:' || place_text.text_key) as place_id,
        0 as atom_number,
        case when place_text.country_hint is null then 'unknown' else 'resolved' end as place_status,
        case when place_text.country_hint is null then 0.0 else 1.0 end as match_score,
        case when place_text.country_hint is null then 'none' else 'hint' end as match_method
    from place_text
    left join meant on place_text.place_text_number = meant.place_text_number
    where meant.place_text_number is null
)

select
    place_text.place_text,
    place_text.country_hint,
    place_text.region_hint,
    place_text.text_kind,
    cast(
        row_number() over (
            partition by place_text.place_text_number order by found.atom_number, found.place_id
        ) as integer
    ) as candidate_number,
    cast(count(*) over (partition by place_text.place_text_number) as integer) as candidate_count,
    found.place_id,
    found.place_status,
    cast(found.match_score as double) as match_score,
    found.match_method
from place_text
inner join found on place_text.place_text_number = found.place_text_number
order by place_text.place_text_number, candidate_number
