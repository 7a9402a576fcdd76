-- Grain: one row per span text, way of naming and place that it names.
-- Rules: P1.
-- Why: the one look-up in the gazetteer of a run. name_weight orders places of one name where the text chooses none: an
-- alias counts as the usual name or more, the home's own above all. Where a name has several places in one region only
-- the largest can ever be chosen.
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
        'alias' as name_kind,
        alias_member.place_id,
        alias_member.place_type,
        alias_member.member_country_code as country_code,
        alias_member.region_code,
        alias_member.parent_region_code,
        alias_member.place_status,
        case
            when alias_member.source = 'home' then 1e15
            when alias_member.place_type = 'country' then 1e12 * (alias_member.population + 1)
            when alias_member.place_type = 'region' then greatest(0.05 * alias_member.population, 1e5)
            else 10 * (alias_member.population + 1)
        end as name_weight
    from span
    inner join alias_member on span.span_key = alias_member.alias_key
),

ranked as (
    select
        *,
        row_number() over (
            partition by span_key, name_kind, place_type, country_code, region_code
            order by name_weight desc, place_id asc
        ) as place_rank
    from named
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
    name_weight
from ranked
where place_rank = 1 or name_kind = 'alias'
