-- Grain: trip that policy judges x stay piece behind which one of its segments stands.
-- Rules: S5 (a stay keeps all its evidence, so two trips may share it), S6 (transit and journeys are no destinations),
-- S7 (an open stay that has begun ends at as_of, a later one counts for open_ended_days), S9 (home is none either).
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

belonging as (
    select
        s.segment_key,
        l.main_trip_key as trip_key
    from core.segment as s
    inner join core.trip_link as l on s.trip_key = l.trip_key
    inner join core.policy_person as t on l.main_trip_key = t.trip_key
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
