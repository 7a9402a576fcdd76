-- Grain: trip that policy judges, with what rules ask about it and its traveller.
-- Rules: S2 (cancelled and personal trips are left out), section 7 (population; whether a registration carries the
-- roster's own e-mail address of the traveller), A1 (what a ticket and a registration share).
-- A trip that nobody registered is not known to be with students; where the audit finds its journey registered as
-- another trip, registered_trip_id names that one. It is judged by what both show: a registration read as one at home,
-- where its ticket goes to another place of that name, is abroad, and the journey's last day is that of either.
-- returns_date is the last local day that any segment of the journey tells.
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

covered as (
    select
        c.trip_key,
        c.registered_trip_key,
        c.registered_trip_id,
        t.is_international
    from core.covered_trip as c
    inner join trips as t on c.trip_key = t.trip_key
),

parts as (
    select
        trip_key,
        trip_key as part_trip_key,
        is_international
    from trips
    union all
    select
        registered_trip_key as trip_key,
        trip_key as part_trip_key,
        is_international
    from covered
    where registered_trip_key is not null
),

returned as (
    select
        l.main_trip_key as trip_key,
        max(s.ends_date) as returns_date
    from core.segment as s
    inner join core.trip_link as l on s.trip_key = l.trip_key
    where s.segment_status <> 'cancelled'
    group by l.main_trip_key
),

journeys as (
    select
        p.trip_key,
        bool_or(p.is_international) as is_international,
        max(r.returns_date) as returns_date
    from parts as p
    left join returned as r on p.part_trip_key = r.trip_key
    group by p.trip_key
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
    j.is_international,
    t.is_agency_booked,
    d.departs_at,
    d.departs_by_at,
    d.departs_date,
    d.departs_has_time,
    d.departs_timezone,
    j.returns_date,
    t.ends_at,
    c.registered_trip_key,
    c.registered_trip_id
from trips as t
inner join journeys as j on t.trip_key = j.trip_key
inner join travellers as v on t.traveller_key = v.traveller_key
left join core.policy_departure as d on t.trip_key = d.trip_key
left join addresses as a on t.trip_key = a.trip_key
left join group_sizes as g on t.group_id = g.group_id
left join covered as c on t.trip_key = c.trip_key
