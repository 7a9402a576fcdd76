-- Grain: rating in force: provider x category x rated place or area x half-open interval.
-- Rules: R1 (until the same provider's next rating of that place and category), F4 (a fault ends nothing: from
-- stale_from on the level stays in force, stale, until a person releases it), R3 (evacuation status beside the level).
-- A fault speaks of the text that it stands under: a place renamed by its provider and rated under its new name (alias
-- table) is not made stale by the end of the old one. The provider's own country code stands in for a country's name
-- that resolves to nothing.
-- One text may name several places ('Israel and Palestine'): the rating is of each. Two texts of one provider that
-- mean the same place at the same instant count as one, at the higher level.
with claims as (
    select * from stage.rating
),

places as (
    select
        place_id,
        place_name,
        place_type,
        country_code
    from core.place
),

matched as (
    select
        place_text,
        country_hint,
        region_hint as place_type,
        place_id,
        place_status
    from core.place_match
    where text_kind = 'rating'
),

coded as (
    select
        place_text as country_code,
        min(place_id) as place_id
    from matched
    where place_type = 'country' and place_status = 'resolved' and place_id = place_text
    group by place_text
),

files as (
    select
        file_number,
        file_sha256
    from land.file
),

placed as (
    select
        c.*,
        case
            when c.place_type = 'area' then concat('area:', c.provider, ':', c.place)
            when m.place_status = 'unknown' and c.place_type = 'country' then coalesce(k.place_id, m.place_id)
            else m.place_id
        end as place_id
    from claims as c
    left join matched as m
        on
            c.place = m.place_text
            and c.place_type = m.place_type
            and c.country_hint is not distinct from m.country_hint
    left join coded as k on c.country_code = k.country_code
    where c.place_type = 'area' or m.place_id is not null
),

levels as (
    select
        *,
        row_number() over (
            partition by provider, category, place_id, valid_from
            order by level desc nulls last, received_at desc, file_number desc, record_number desc
        ) as preference
    from placed
    where not is_fault
),

periods as (
    select
        *,
        lead(valid_from) over (partition by provider, category, place_id order by valid_from) as valid_to
    from levels
    where preference = 1
),

faults as (
    select
        p.provider,
        p.category,
        p.place_id,
        p.valid_from,
        min(f.valid_from) as stale_from
    from periods as p
    inner join placed as f
        on
            p.provider = f.provider and p.category = f.category and p.place_id = f.place_id
            and p.place = f.place
            and f.valid_from >= p.valid_from and (p.valid_to is null or f.valid_from < p.valid_to)
    where f.makes_stale and f.valid_from > p.valid_from
    group by p.provider, p.category, p.place_id, p.valid_from
)

select
    cast(row_number() over (order by p.valid_from, p.provider, p.category, p.place_id) as bigint) as rating_id,
    p.provider,
    p.category,
    p.place_id,
    coalesce(g.place_name, p.place) as place_name,
    case when p.place_type = 'area' then 'area' else coalesce(g.place_type, 'unknown') end as place_type,
    g.country_code,
    p.level,
    p.worst_case_level,
    p.native_level,
    p.has_regional_advice,
    p.is_flagged,
    p.evacuation_status,
    p.valid_from,
    p.valid_to,
    f.stale_from,
    p.published_at,
    p.received_at,
    p.latitude,
    p.longitude,
    p.radius_km,
    p.is_invented,
    concat(p.feed, ':', substr(s.file_sha256, 1, 12), ':', cast(p.record_number as varchar)) as evidence
from periods as p
inner join files as s on p.file_number = s.file_number
left join places as g on p.place_id = g.place_id
left join faults as f
    on p.provider = f.provider and p.category = f.category and p.place_id = f.place_id and p.valid_from = f.valid_from
where not p.is_release
