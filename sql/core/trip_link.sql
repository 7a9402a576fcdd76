-- Grain: trip of one feed, with the trip it belongs to (itself, or the registration it shares a segment with).
-- Rules: S3 (shared movement; lodging or presence at the same place with overlapping dates), section 9.
-- A forwarded itinerary is a registration of its own only where it restates none that the registry has.
with trips as (
    select
        trip_key,
        traveller_key,
        source = 'registration' and substr(trip_ref, 1, 10) <> 'forwarded:' as is_registered
    from core.trip_reference
),

movement_trip as (
    select
        m.movement_key,
        s.trip_key,
        t.is_registered
    from core.movement_segment as m
    inner join core.segment as s on m.segment_key = s.segment_key
    inner join trips as t on s.trip_key = t.trip_key
),

by_movement as (
    select
        o.trip_key,
        max(r.trip_key) as main_trip_key
    from movement_trip as o
    inner join movement_trip as r on o.movement_key = r.movement_key
    where not o.is_registered and r.is_registered
    group by o.trip_key
),

present as (
    select
        s.trip_key,
        s.traveller_key,
        t.is_registered,
        s.starts_at,
        coalesce(s.ends_at, s.starts_at + interval 1 day) as ends_at,
        p.area_id
    from core.segment as s
    inner join trips as t on s.trip_key = t.trip_key
    inner join core.place as p on s.to_place_key = p.place_key
    where s.segment_kind in ('lodging', 'presence') and s.segment_status <> 'cancelled' and s.starts_at is not null
),

by_presence as (
    select
        o.trip_key,
        max(r.trip_key) as main_trip_key
    from present as o
    inner join present as r
        on
            o.traveller_key = r.traveller_key and o.area_id = r.area_id
            and o.starts_at < r.ends_at and r.starts_at < o.ends_at
    where not o.is_registered and r.is_registered
    group by o.trip_key
)

select
    t.trip_key,
    t.traveller_key,
    coalesce(m.main_trip_key, p.main_trip_key, t.trip_key) as main_trip_key
from trips as t
left join by_movement as m on t.trip_key = m.trip_key
left join by_presence as p on t.trip_key = p.trip_key
