-- Grain: trip that policy judges x stay piece behind which one of its segments stands, or one of a trip that it covers.
-- Rules: A1 (a journey that the registry has as another trip is judged there, so its destinations are asked there too,
-- but for those that a registration shows itself: nothing is asked twice), S5 (a stay keeps all its evidence, so two
-- trips may share it), S6 (transit and journeys are no destinations), S7 (an open stay that has begun ends at as_of, a
-- later one counts for open_ended_days), S9 (home is none either).
with pieces as (
    select
        stay_id,
        place_key,
        starts_at,
        ends_at,
        presence,
        unnest(segment_keys) as segment_key
    from core.stay_piece
    where not is_home and presence not in ('transit', 'en_route')
),

parameter as (
    select
        as_of,
        to_days(open_ended_days) as open_time
    from reference.parameter
),

owned as (
    select
        s.segment_key,
        t.trip_key,
        t.registered_trip_key,
        t.is_registered
    from core.segment as s
    inner join core.trip_link as l on s.trip_key = l.trip_key
    inner join core.policy_person as t on l.main_trip_key = t.trip_key
),

own as (
    select distinct
        o.trip_key,
        o.registered_trip_key,
        o.is_registered,
        p.stay_id,
        p.place_key,
        p.starts_at,
        p.ends_at,
        p.presence
    from pieces as p
    inner join owned as o on p.segment_key = o.segment_key
),

registered as (
    select distinct stay_id
    from own
    where is_registered
),

stops as (
    select
        trip_key,
        stay_id,
        place_key,
        starts_at,
        ends_at,
        presence
    from own
    union
    select
        o.registered_trip_key as trip_key,
        o.stay_id,
        o.place_key,
        o.starts_at,
        o.ends_at,
        o.presence
    from own as o
    anti join registered as r on o.stay_id = r.stay_id
    where o.registered_trip_key is not null
)

select
    s.trip_key,
    s.stay_id,
    s.place_key,
    z.zone_key,
    s.starts_at,
    case
        when s.ends_at is not null then s.ends_at
        when s.starts_at < a.as_of then a.as_of
        when s.starts_at = a.as_of and s.presence = 'overdue' then a.as_of + interval 1 microsecond
        else s.starts_at + a.open_time
    end as ends_at
from stops as s
cross join parameter as a
left join core.place_zone as z on s.place_key = z.place_key
