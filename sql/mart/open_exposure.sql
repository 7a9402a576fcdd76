-- Grain: stay without an end x half-open interval after its last exposure in which nothing that is known now changes.
-- Rules: S7 (it is listed and goes on), R1 (a rating that begins later holds from then), R4 (stale after the provider's
-- rhythm). exposure counts such a stay only until as_of, or as long as one planned may count; who asks about a later
-- instant is told the level that holds then, not that of as_of. The last interval has no end.
with held as (
    select
        stay_id,
        traveller_key,
        place_key,
        ends_at as held_from
    from core.exposure_interval
    where is_open
),

people as (
    select
        traveller_key,
        traveller_id
    from core.pseudonym
),

places as (
    select
        place_key,
        place_id,
        precision
    from core.place
)

select
    h.stay_id,
    p.traveller_id,
    g.place_id,
    greatest(h.held_from, coalesce(l.starts_at, h.held_from)) as starts_at,
    case when l.ends_at < timestamp '9999-01-01 00:00:00' then l.ends_at end as ends_at,
    l.security_level,
    l.medical_level,
    l.risk_level,
    case when g.precision = 'country' then l.worst_case_level else l.risk_level end as worst_case_level,
    coalesce(l.rating_status, 'place_unknown') as rating_status,
    l.evacuation_status
from held as h
inner join people as p on h.traveller_key = p.traveller_key
inner join places as g on h.place_key = g.place_key
left join core.place_zone as z on h.place_key = z.place_key
left join core.zone_level as l on z.zone_key = l.zone_key and l.ends_at > h.held_from
order by h.stay_id, l.starts_at
