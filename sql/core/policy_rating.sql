-- Grain: zone x half-open interval in which one rating decides; the intervals of a zone cover all time.
-- Rules: R2 (the level is that of zone_level), C2 (the rating behind a level has an id).
-- zone_level joins what says the same; a rating given again at the same level has an id of its own, so this cuts finer.
with levels as (
    select
        zone_key,
        starts_at,
        ends_at,
        risk_level,
        evacuation_status,
        security_provider,
        medical_provider
    from core.zone_level
),

zone_node as (
    select distinct
        z.zone_key,
        n.node_key,
        n.specificity
    from core.place_zone as z
    inner join core.place_node as n on z.place_key = n.place_key
    where not n.is_inside
),

ratings as (
    select
        z.zone_key,
        z.specificity,
        r.rating_id,
        r.provider,
        r.level,
        r.evacuation_status,
        r.valid_from,
        coalesce(r.valid_to, timestamp '9999-01-01 00:00:00') as valid_to
    from core.rating_period as r
    inner join core.rating_node as n on r.rating_id = n.rating_id
    inner join zone_node as z on n.node_key = z.node_key
),

boundaries as (
    select
        zone_key,
        starts_at as happens_at
    from levels
    union
    select
        zone_key,
        timestamp '9999-01-01 00:00:00' as happens_at
    from levels
    union
    select
        zone_key,
        valid_from as happens_at
    from ratings
    union
    select
        zone_key,
        valid_to as happens_at
    from ratings
),

slices as (
    select
        zone_key,
        happens_at as starts_at,
        lead(happens_at) over (partition by zone_key order by happens_at) as ends_at
    from boundaries
),

levelled as (
    select
        s.zone_key,
        s.starts_at,
        s.ends_at,
        l.risk_level,
        l.evacuation_status,
        l.security_provider,
        l.medical_provider
    from slices as s
    inner join levels as l
        on s.zone_key = l.zone_key and s.starts_at >= l.starts_at and s.starts_at < l.ends_at
    where s.ends_at is not null
),

said as (
    select
        l.zone_key,
        l.starts_at,
        r.rating_id,
        r.specificity,
        r.level = l.risk_level and r.provider in (l.security_provider, l.medical_provider) as is_level,
        r.evacuation_status = l.evacuation_status as is_evacuation
    from levelled as l
    inner join ratings as r
        on l.zone_key = r.zone_key and l.starts_at >= r.valid_from and l.starts_at < r.valid_to
),

decided as (
    select
        zone_key,
        starts_at,
        min(case when is_level then rating_id end) as rating_id,
        min(case when is_evacuation then rating_id end) as evacuation_rating_id
    from said
    group by zone_key, starts_at
)

select
    l.zone_key,
    l.starts_at,
    l.ends_at,
    l.risk_level,
    case l.evacuation_status
        when 'evacuate_full' then 3 when 'evacuate_nonessential' then 2 when 'standby' then 1 when 'none' then 0
    end as evacuation_rank,
    d.rating_id,
    d.evacuation_rating_id
from levelled as l
left join decided as d on l.zone_key = d.zone_key and l.starts_at = d.starts_at
