-- Grain: trip that policy judges, with what rules ask about it and its traveller.
-- Rules: S2 (cancelled and personal trips are left out), section 7 (population, lead times count from the local day of
-- departure; whether a registration carries the roster's own e-mail address of the traveller).
-- A trip that nobody registered is not known to be with students; where the audit finds its journey registered as
-- another trip, registered_trip_id names that one. departs_at is the start of the first segment that is not cancelled;
-- a departure given as a date alone may be as late as the end of that day. returns_date is the last local day that any
-- segment tells.
with trips as (
    select
        trip_key,
        trip_id,
        traveller_key,
        source = 'registration' as is_registered,
        registered_at,
        ends_at,
        travels_with_students,
        group_id,
        is_international,
        has_booking or coalesce(channel, '') = 'agency' as is_agency_booked
    from core.trip
    where trip_status <> 'cancelled' and purpose <> 'personal'
),

travellers as (
    select
        traveller_key,
        person_id,
        affiliation
    from core.traveller
),

segments as (
    select
        l.main_trip_key as trip_key,
        coalesce(s.from_place_key, s.to_place_key) as place_key,
        s.starts_at,
        s.starts_date,
        s.ends_date,
        s.segment_status <> 'cancelled' as is_counted,
        s.starts_has_time,
        s.segment_key,
        row_number() over (
            partition by l.main_trip_key
            order by
                (s.segment_status = 'cancelled') asc,
                s.starts_at asc nulls last,
                s.starts_has_time desc,
                s.segment_key asc
        ) as segment_rank
    from core.segment as s
    inner join core.trip_link as l on s.trip_key = l.trip_key
    inner join trips as t on l.main_trip_key = t.trip_key
),

departures as (
    select
        s.trip_key,
        s.starts_at as departs_at,
        s.starts_date as departs_date,
        s.starts_has_time as departs_has_time,
        p.timezone as departs_timezone
    from segments as s
    inner join core.place as p on s.place_key = p.place_key
    where s.segment_rank = 1
),

returns as (
    select
        trip_key,
        max(ends_date) as returns_date
    from segments
    where is_counted
    group by trip_key
),

addresses as (
    select
        t.trip_key,
        bool_or(lower(trim(r.traveller_email)) = lower(trim(p.email))) as has_university_email
    from trips as t
    inner join core.trip_reference as f on t.trip_key = f.trip_key
    inner join land.registrations as r on f.trip_ref = r.trip_id
    inner join travellers as v on t.traveller_key = v.traveller_key
    inner join stage.person as p on v.person_id = p.person_id
    where t.is_registered
    group by t.trip_key
),

group_sizes as (
    select
        group_id,
        cast(count(distinct traveller_key) as integer) as group_size
    from trips
    where group_id is not null
    group by group_id
)

select
    t.trip_key,
    t.trip_id,
    t.traveller_key,
    lower(trim(v.affiliation)) as affiliation,
    t.is_registered,
    case when t.is_registered then t.registered_at end as registered_at,
    coalesce(a.has_university_email, false) as has_university_email,
    t.travels_with_students,
    t.group_id,
    coalesce(g.group_size, 1) as group_size,
    t.is_international,
    t.is_agency_booked,
    d.departs_at,
    d.departs_date,
    d.departs_has_time,
    d.departs_timezone,
    e.returns_date,
    t.ends_at,
    c.registered_trip_id
from trips as t
inner join travellers as v on t.traveller_key = v.traveller_key
left join departures as d on t.trip_key = d.trip_key
left join returns as e on t.trip_key = e.trip_key
left join addresses as a on t.trip_key = a.trip_key
left join group_sizes as g on t.group_id = g.group_id
left join core.covered_trip as c on t.trip_key = c.trip_key
