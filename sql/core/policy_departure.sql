-- Grain: trip that policy judges, with when it departs.
-- Rules: section 7 (lead times count from the local day of departure), S1 (times beat dates), A1 (what a ticket and a
-- registration share).
-- departs_at is the start of the segment that is sure to have begun first; a departure given as a date alone may be as
-- late as the end of that day, and departs_by_at is its last second.
-- Where a registration tells dates alone, and a ticket of the same journey tells when the traveller left home, that is
-- the departure: the registration covers the day of arrival, which is no later than its own first day, or up to three
-- days later in the same country. The audit compares with the same instant.
with places as (
    select
        place_key,
        timezone,
        country_code
    from core.place
),

told as (
    select
        l.main_trip_key as trip_key,
        s.starts_at,
        s.starts_date,
        s.segment_status <> 'cancelled' as is_counted,
        s.starts_has_time,
        s.segment_key,
        p.timezone,
        p.country_code
    from core.segment as s
    inner join core.trip_link as l on s.trip_key = l.trip_key
    inner join core.trip as t on l.main_trip_key = t.trip_key
    inner join places as p on coalesce(s.from_place_key, s.to_place_key) = p.place_key
    where t.trip_status <> 'cancelled' and t.purpose <> 'personal'
),

days as (
    select distinct
        timezone,
        starts_date,
        cast(starts_date + 1 as timestamp) as ends_local
    from told
    where not starts_has_time and starts_date is not null
),

day_ends as (
    select
        d.timezone,
        d.starts_date,
        d.ends_local - to_seconds(coalesce(z.utc_offset_seconds, 0)) as day_ends_at
    from days as d
    left join reference.zone_transition as z
        on
            d.timezone = z.timezone and year(d.ends_local) = z.local_year
            and d.ends_local >= z.local_starts and d.ends_local < z.local_ends
),

segments as (
    select
        s.*,
        coalesce(d.day_ends_at - interval 1 second, s.starts_at) as starts_by_at,
        row_number() over (
            partition by s.trip_key
            order by
                s.is_counted desc,
                coalesce(d.day_ends_at, s.starts_at) asc nulls last,
                s.starts_has_time desc,
                s.starts_at asc nulls last,
                s.segment_key asc
        ) as segment_rank
    from told as s
    left join day_ends as d
        on not s.starts_has_time and s.timezone = d.timezone and s.starts_date = d.starts_date
),

openings as (
    select
        trip_key,
        starts_at,
        starts_date,
        starts_has_time,
        starts_by_at,
        timezone,
        country_code
    from segments
    where segment_rank = 1
),

arrivals as (
    select
        o.trip_key as ticket_trip_key,
        o.left_home_at,
        o.country_code,
        o.starts_date,
        l.main_trip_key as trip_key
    from core.observed_stay as o
    inner join core.audit_day as d
        on o.observed_key = d.observed_key and o.country_code = d.country_code and o.starts_date = d.day_date
    inner join core.trip_link as l on d.registration_key = l.trip_key
    where o.segment_kind = 'movement' and o.left_home_at is not null and not o.is_cancelled
),

ticketed as (
    select
        a.trip_key,
        a.ticket_trip_key,
        a.left_home_at,
        row_number() over (partition by a.trip_key order by a.left_home_at, a.ticket_trip_key) as ticket_rank
    from arrivals as a
    inner join openings as o on a.trip_key = o.trip_key
    where
        not o.starts_has_time
        and (
            a.starts_date <= o.starts_date
            or (a.starts_date <= o.starts_date + 3 and a.country_code = o.country_code)
        )
),

tickets as (
    select
        k.trip_key,
        k.left_home_at,
        s.starts_date,
        p.timezone,
        row_number() over (partition by k.trip_key order by s.segment_key) as segment_rank
    from ticketed as k
    inner join core.segment as s on k.ticket_trip_key = s.trip_key and k.left_home_at = s.starts_at
    inner join places as p on s.from_place_key = p.place_key
    where k.ticket_rank = 1 and s.segment_kind = 'movement'
)

select
    o.trip_key,
    coalesce(k.left_home_at, o.starts_at) as departs_at,
    coalesce(k.left_home_at, o.starts_by_at) as departs_by_at,
    case when k.trip_key is not null then k.starts_date else o.starts_date end as departs_date,
    k.trip_key is not null or o.starts_has_time as departs_has_time,
    coalesce(k.timezone, o.timezone) as departs_timezone
from openings as o
left join tickets as k on o.trip_key = k.trip_key and k.segment_rank = 1
