-- Grain: rating in force: provider x category x rated place or circle x half-open interval.
-- Rules: R1 (until the same provider's next rating of that place and category), F4 (a fault ends nothing: from
-- stale_from on the level stays in force, stale, until a person releases it), R3 (evacuation status beside the level: a
-- record whose level is blank or unreadable still states it, and cuts the interval of the level before it).
-- An area may be rated with several circles at once, each a row of its own; the next statement under its name, wherever
-- its circle lies, ends them all.
-- A fault speaks of the text that it stands under: a place renamed by its provider and rated under its new name (alias
-- table) is not made stale by the end of the old one. The provider's own country code stands in for a country's name
-- that resolves to nothing.
-- One text may name several places ('Israel and Palestine'): the rating is of each. Two texts of one provider that
-- mean the same place at the same instant count as one, at the higher level.
with places as (
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
    from stage.rating as c
    left join matched as m
        on
            c.place = m.place_text
            and c.place_type = m.place_type
            and c.country_hint is not distinct from m.country_hint
    left join coded as k on c.country_code = k.country_code
    where c.place_type = 'area' or m.place_id is not null
),

circled as (
    select
        *,
        case
            when place_type = 'area'
                then
                    concat_ws(
                        ' ', place_id, cast(latitude as varchar), cast(longitude as varchar), cast(radius_km as varchar)
                    )
            else place_id
        end as node_text,
        case evacuation_status
            when 'evacuate_full' then 3 when 'evacuate_nonessential' then 2 when 'standby' then 1 when 'none' then 0
        end as evacuation_rank,
        fault_reason in ('no_level', 'unmapped_level') and evacuation_status is not null as is_status
    from placed
),

ranked as (
    select
        *,
        row_number() over (
            partition by provider, category, node_text, valid_from, is_fault
            order by level desc nulls last, received_at desc, file_number desc, record_number desc
        ) as preference,
        max(evacuation_rank) over (partition by provider, category, node_text, valid_from) as gravest_rank
    from circled
    where not is_fault or is_status
),

levels as (
    select *
    from ranked
    where not is_fault and preference = 1
),

statuses as (
    select s.*
    from ranked as s
    anti join levels as l
        on
            s.provider = l.provider and s.category = l.category and s.node_text = l.node_text
            and s.valid_from = l.valid_from
    where s.is_fault and s.preference = 1
),

instants as (
    select
        provider,
        category,
        place_id,
        valid_from,
        true as is_level
    from levels
    union
    select
        provider,
        category,
        place_id,
        valid_from,
        false as is_level
    from statuses
),

followed as (
    select
        *,
        min(case when is_level then valid_from end) over (
            partition by provider, category, place_id
            order by valid_from asc, is_level desc
            rows between 1 following and unbounded following
        ) as until_at
    from instants
),

periods as (
    select
        l.*,
        f.until_at as valid_to
    from levels as l
    inner join followed as f
        on
            l.provider = f.provider and l.category = f.category and l.place_id = f.place_id
            and l.valid_from = f.valid_from and f.is_level
),

faults as (
    select
        p.provider,
        p.category,
        p.node_text,
        p.valid_from,
        min(f.valid_from) as stale_from
    from periods as p
    inner join placed as f
        on
            p.provider = f.provider and p.category = f.category and p.place_id = f.place_id
            and p.place = f.place
            and f.valid_from >= p.valid_from and (p.valid_to is null or f.valid_from < p.valid_to)
    where f.makes_stale and f.valid_from > p.valid_from
    group by p.provider, p.category, p.node_text, p.valid_from
),

judged as (
    select
        p.*,
        f.stale_from
    from periods as p
    left join faults as f
        on
            p.provider = f.provider and p.category = f.category and p.node_text = f.node_text
            and p.valid_from = f.valid_from
),

stated as (
    select
        node_text,
        provider,
        category,
        place_id,
        place,
        place_type,
        level,
        worst_case_level,
        native_level,
        has_regional_advice,
        is_flagged,
        gravest_rank,
        valid_from,
        valid_to as until_at,
        stale_from,
        published_at,
        received_at,
        latitude,
        longitude,
        radius_km,
        is_invented,
        is_release,
        feed,
        file_number,
        record_number
    from judged
    union all
    select
        s.node_text,
        s.provider,
        s.category,
        s.place_id,
        s.place,
        s.place_type,
        b.level,
        b.worst_case_level,
        coalesce(b.native_level, s.native_level) as native_level,
        coalesce(b.has_regional_advice, false) as has_regional_advice,
        coalesce(b.is_flagged, false) as is_flagged,
        s.gravest_rank,
        s.valid_from,
        f.until_at,
        b.stale_from,
        s.published_at,
        s.received_at,
        s.latitude,
        s.longitude,
        s.radius_km,
        s.is_invented or coalesce(b.is_invented, false) as is_invented,
        false as is_release,
        s.feed,
        s.file_number,
        s.record_number
    from statuses as s
    inner join followed as f
        on
            s.provider = f.provider and s.category = f.category and s.place_id = f.place_id
            and s.valid_from = f.valid_from and not f.is_level
    left join judged as b
        on
            s.provider = b.provider and s.category = b.category and s.node_text = b.node_text
            and s.valid_from > b.valid_from and (b.valid_to is null or s.valid_from < b.valid_to)
),

bounded as (
    select
        *,
        least(
            until_at,
            lead(valid_from) over (partition by provider, category, node_text order by valid_from)
        ) as valid_to
    from stated
)

select
    cast(
        row_number() over (order by p.valid_from, p.provider, p.category, p.place_id, p.node_text) as bigint
    ) as rating_id,
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
    case p.gravest_rank
        when 3 then 'evacuate_full' when 2 then 'evacuate_nonessential' when 1 then 'standby' when 0 then 'none'
    end as evacuation_status,
    p.valid_from,
    p.valid_to,
    p.stale_from,
    p.published_at,
    p.received_at,
    p.latitude,
    p.longitude,
    p.radius_km,
    p.is_invented,
    concat(p.feed, ':', substr(s.file_sha256, 1, 12), ':', cast(p.record_number as varchar)) as evidence
from bounded as p
inner join files as s on p.file_number = s.file_number
left join places as g on p.place_id = g.place_id
where not p.is_release
