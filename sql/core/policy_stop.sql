-- Grain: trip that policy judges x stay piece behind which one of its segments stands, or one of a trip that it covers.
-- Rules: A1 (a journey that the registry has as another trip is judged there, so its destinations are asked there too),
-- S5 (a stay keeps all its evidence, so two trips may share it), S6 (transit and journeys are no destinations), S7 (an
-- open stay that has begun ends at as_of, a later one counts for open_ended_days), S9 (home is none either).
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
        t.registered_trip_key
    from core.segment as s
    inner join core.trip_link as l on s.trip_key = l.trip_key
    inner join core.policy_person as t on l.main_trip_key = t.trip_key
),

belonging as (
    select
        segment_key,
        trip_key
    from owned
    union all
    select
        segment_key,
        registered_trip_key as trip_key
    from owned
    where registered_trip_key is not null
)

select distinct
    b.trip_key,
    p.stay_id,
    p.place_key,
    z.zone_key,
    p.starts_at,
    case
        when p.ends_at is not null then p.ends_at
        when p.starts_at < a.as_of then a.as_of
        when p.starts_at = a.as_of and p.presence = 'overdue' then a.as_of + interval 1 microsecond
        else p.starts_at + a.open_time
    end as ends_at
from pieces as p
inner join belonging as b on p.segment_key = b.segment_key
cross join parameter as a
left join core.place_zone as z on p.place_key = z.place_key
