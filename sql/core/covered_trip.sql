-- Grain: trip of bookings or expenses alone whose every day abroad a registration covers.
-- Rules: A1, A2, section 7. A ticket and a registration that only states where somebody is share no segment, so they
-- are two trips (section 9); the policy asks one journey once, and judges it where it is registered. Of several
-- registrations the last updated counts. Trips covered in part stay judged by themselves: their other days are not
-- registered.
with stays as (
    select distinct
        l.main_trip_key as trip_key,
        s.observed_key
    from core.observed_stay as s
    inner join core.trip_link as l on s.trip_key = l.trip_key
    where not s.is_cancelled
),

trips as (
    select
        trip_key,
        trip_id,
        source
    from core.trip
),

results as (
    select
        r.observed_key,
        l.main_trip_key as registered_trip_key,
        r.audit_status in ('registered', 'registered_late', 'not_required') and r.registration_key is not null
            as is_covered
    from core.audit_result as r
    left join core.trip_link as l on r.registration_key = l.trip_key
),

covered as (
    select
        s.trip_key,
        max(r.registered_trip_key) as registered_trip_key
    from stays as s
    inner join trips as t on s.trip_key = t.trip_key
    inner join results as r on s.observed_key = r.observed_key
    where t.source <> 'registration'
    group by s.trip_key
    having bool_and(r.is_covered)
)

select
    c.trip_key,
    t.trip_id as registered_trip_id
from covered as c
inner join trips as t on c.registered_trip_key = t.trip_key
