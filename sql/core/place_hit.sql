-- Grain: one row per span text, way of naming and place that it names.
-- Rules: P1.
-- Why: the one look-up in the gazetteer of a run. name_weight orders places of one name where the text chooses none: an
-- alias counts as the usual name or more, a region's as a city of 300,000 people at least ('Bali' is no town in
-- Bengal); the home's own is a kind of its own, above all. Where a name has several places in one region only the
-- largest can ever be chosen. A word after a comma that names nothing may misspell the country or region of the word
-- before it ('Jerusalem, Isreal'): one wrong, missing, swapped or added letter, two in nine letters or more.
with

span as (
    select distinct span_key
    from core.place_span
),

gazetteer_name as (
    select
        name_key,
        name_kind,
        place_id,
        place_type,
        country_code,
        region_code,
        parent_region_code,
        is_current,
        weight
    from reference.gazetteer_name
),

place_alias as (
    select
        alias_key,
        place_id,
        place_type,
        place_status,
        country_code,
        region_code,
        parent_region_code,
        population,
        member_country_codes,
        source
    from reference.place_alias
),

-- A country that is no more is known by the countries that it became: 'Prague, Czechoslovakia' is in one of them.
alias_member as (
    select
        *,
        unnest(string_split(coalesce(member_country_codes, country_code), ' ')) as member_country_code
    from place_alias
),

named as (
    select
        span.span_key,
        case when gazetteer_name.name_kind = 'english' then 'name' else gazetteer_name.name_kind end as name_kind,
        gazetteer_name.place_id,
        gazetteer_name.place_type,
        gazetteer_name.country_code,
        gazetteer_name.region_code,
        gazetteer_name.parent_region_code,
        'resolved' as place_status,
        gazetteer_name.weight * case when gazetteer_name.is_current then 1 else 0.001 end as name_weight
    from span
    inner join gazetteer_name on span.span_key = gazetteer_name.name_key
    union all
    select
        span.span_key,
        case when alias_member.source = 'home' then 'home' else 'alias' end as name_kind,
        alias_member.place_id,
        alias_member.place_type,
        alias_member.member_country_code as country_code,
        alias_member.region_code,
        alias_member.parent_region_code,
        alias_member.place_status,
        case
            when alias_member.source = 'home' then 1e18
            when alias_member.place_type = 'country' then 1e12 * (alias_member.population + 1)
            when alias_member.place_type = 'region' then greatest(0.05 * alias_member.population, 3e5)
            else 10 * (alias_member.population + 1)
        end as name_weight
    from span
    inner join alias_member on span.span_key = alias_member.alias_key
),

unnamed as (
    select distinct
        place_span.span_key,
        case when length(place_span.span_key) >= 9 then 2 else 1 end as typos_allowed
    from core.place_span
    left join named on place_span.span_key = named.span_key
    where
        place_span.span_kind = 'part'
        and (place_span.piece_number > 1 or place_span.part_number > 1)
        and named.span_key is null
        and length(place_span.span_key) between 6 and 30
        and not regexp_matches(place_span.span_key, '[0-9]')
),

area_name as (
    select
        name_key,
        name_start,
        name_end,
        place_id,
        place_type,
        country_code,
        region_code,
        parent_region_code,
        weight
    from reference.gazetteer_spelling
    where place_type in ('country', 'region')
    union all
    select
        alias_key as name_key,
        left(alias_key, 3) as name_start,
        left(alias_key, 1) || right(alias_key, 3) as name_end,
        place_id,
        place_type,
        country_code,
        region_code,
        parent_region_code,
        case place_type when 'country' then 1e10 else 0.05 end * (population + 1) as weight
    from place_alias
    where place_type in ('country', 'region') and place_status = 'resolved'
),

-- Candidates share the first three letters, or the first and the last three, which keeps the search small.
near_start as (
    select
        unnamed.span_key,
        unnamed.typos_allowed,
        damerau_levenshtein(unnamed.span_key, area_name.name_key) as typo_count,
        area_name.*
    from unnamed
    inner join area_name on left(unnamed.span_key, 3) = area_name.name_start
    where length(area_name.name_key) between length(unnamed.span_key) - 2 and length(unnamed.span_key) + 2
),

near_end as (
    select
        unnamed.span_key,
        unnamed.typos_allowed,
        damerau_levenshtein(unnamed.span_key, area_name.name_key) as typo_count,
        area_name.*
    from unnamed
    inner join area_name on left(unnamed.span_key, 1) || right(unnamed.span_key, 3) = area_name.name_end
    where length(area_name.name_key) between length(unnamed.span_key) - 2 and length(unnamed.span_key) + 2
),

misspelt as (
    select * from near_start
    union all
    select * from near_end
),

likely as (
    select
        span_key,
        place_id,
        place_type,
        country_code,
        region_code,
        parent_region_code,
        max(weight) as weight,
        min(typo_count) as typo_count
    from misspelt
    where typo_count <= typos_allowed
    group by span_key, place_id, place_type, country_code, region_code, parent_region_code
),

every_name as (
    select
        *,
        1.0 as match_score
    from named
    union all
    select
        span_key,
        'misspelt' as name_kind,
        place_id,
        place_type,
        country_code,
        region_code,
        parent_region_code,
        'fuzzy' as place_status,
        weight * case typo_count when 1 then 1e-4 else 1e-8 end as name_weight,
        round(1 - typo_count / cast(length(span_key) as double), 3) as match_score
    from likely
),

ranked as (
    select
        *,
        row_number() over (
            partition by span_key, name_kind, place_type, country_code, region_code
            order by name_weight desc, place_id asc
        ) as place_rank
    from every_name
)

select
    span_key,
    name_kind,
    place_id,
    place_type,
    country_code,
    region_code,
    parent_region_code,
    place_status,
    cast(match_score as double) as match_score,
    name_weight
from ranked
where place_rank = 1 or name_kind in ('alias', 'home', 'iata')
