-- Grain: exposure: stay piece cut where the rating in force changes.
-- Rules: E1 (cut at rating changes only; the intervals partition the stay), S7 (an open stay that has begun ends at
-- as_of, one that begins later counts for open_ended_days; who is overdue from as_of on is so for an instant only),
-- S9 (home only with count_home), P3, R4.
with parameter as (
    select
        as_of,
        count_home,
        to_days(open_ended_days) as open_time
    from reference.parameter
),

counted as (
    select
        s.stay_id,
        s.traveller_key,
        s.place_key,
        s.trip_key,
        s.starts_at,
        case
            when s.ends_at is not null then s.ends_at
            when s.starts_at < a.as_of then a.as_of
            when s.starts_at = a.as_of and s.presence = 'overdue' then a.as_of + interval 1 microsecond
            else s.starts_at + a.open_time
        end as ends_at,
        s.ends_at is null as is_open,
        s.presence,
        s.candidate_count,
        s.is_home,
        z.zone_key
    from core.stay_piece as s
    cross join parameter as a
    left join core.place_zone as z on s.place_key = z.place_key
    where not s.is_home or a.count_home
)

select
    c.stay_id,
    c.traveller_key,
    c.place_key,
    c.trip_key,
    greatest(c.starts_at, l.starts_at) as starts_at,
    least(c.ends_at, l.ends_at) as ends_at,
    c.is_open and c.ends_at <= l.ends_at as is_open,
    c.presence,
    c.candidate_count,
    c.is_home,
    l.security_level,
    l.medical_level,
    l.level_highest,
    l.level_most_specific,
    l.risk_level,
    l.worst_case_level,
    l.rating_status,
    l.evacuation_status,
    l.security_provider,
    l.medical_provider
from counted as c
inner join core.zone_level as l on c.zone_key = l.zone_key and c.starts_at < l.ends_at and c.ends_at > l.starts_at
union all
select
    stay_id,
    traveller_key,
    place_key,
    trip_key,
    starts_at,
    ends_at,
    is_open,
    presence,
    candidate_count,
    is_home,
    cast(null as integer) as security_level,
    cast(null as integer) as medical_level,
    cast(null as integer) as level_highest,
    cast(null as integer) as level_most_specific,
    cast(null as integer) as risk_level,
    cast(null as integer) as worst_case_level,
    'place_unknown' as rating_status,
    cast(null as varchar) as evacuation_status,
    cast(null as varchar) as security_provider,
    cast(null as varchar) as medical_provider
from counted
where zone_key is null
