-- Grain: trip of bookings or expenses alone whose every day abroad a registration covers.
-- Rules: A1, A2, section 7. A ticket and a registration that only states where somebody is share no segment, so they
-- are two trips (section 9); the policy asks one journey once, and judges it where it is registered. The days are those
-- of the trip's own stays: what another booking or report of the same journey shows is asked of that one. Of several
-- registrations one that the policy judges counts first, then the one that covers most of them, then the last updated.
-- Trips covered in part stay judged by themselves: their other days are not registered; and so do trips of a person who
-- is not known for sure, but for days that are personal. A registration that the policy does not judge (S2) takes over
-- none but one whose days are all personal, and then there is no registered_trip_key.
with travellers as (
    select
        traveller_key,
        identity_status = 'matched' as is_known
    from core.traveller
),

trips as (
    select
        trip_key,
        trip_id,
        source,
        coalesce(trip_status <> 'cancelled' and purpose <> 'personal', true) as is_judged
    from core.trip
),

stays as (
    select distinct
        t.trip_key,
        v.is_known,
        s.observed_key,
        coalesce(s.country_code, '') as country_code,
        s.starts_date,
        s.ends_date
    from core.observed_stay as s
    inner join travellers as v on s.traveller_key = v.traveller_key
    inner join core.trip_link as l on s.trip_key = l.trip_key
    inner join trips as t on l.main_trip_key = t.trip_key
    where not s.is_cancelled and t.source <> 'registration'
),

days as (
    select
        observed_key,
        coalesce(country_code, '') as country_code,
        day_date,
        registration_key,
        coverage
    from core.audit_day
),

counted as (
    select
        s.trip_key,
        l.main_trip_key as registered_trip_key,
        count(*) as day_count,
        count(*) filter (where d.coverage = 'covered') as covered_count,
        bool_and(d.coverage in ('personal', 'left_open')) as is_personal,
        bool_or(d.coverage = 'uncovered' or (d.coverage <> 'personal' and not s.is_known)) as has_open
    from stays as s
    inner join days as d
        on
            s.observed_key = d.observed_key and s.country_code = d.country_code
            and d.day_date >= s.starts_date and d.day_date <= s.ends_date
    left join core.trip_link as l on d.registration_key = l.trip_key
    group by s.trip_key, l.main_trip_key
),

ranked as (
    select
        c.trip_key,
        t.trip_key as registered_trip_key,
        t.trip_id as registered_trip_id,
        t.is_judged,
        row_number() over (
            partition by c.trip_key
            order by
                t.is_judged desc nulls last, c.covered_count desc, c.day_count desc, c.registered_trip_key desc
        ) as choice,
        bool_and(c.is_personal) over (partition by c.trip_key) as is_personal,
        bool_or(c.has_open) over (partition by c.trip_key) as has_open
    from counted as c
    left join trips as t on c.registered_trip_key = t.trip_key
)

select
    trip_key,
    case when is_judged then registered_trip_key end as registered_trip_key,
    registered_trip_id
from ranked
where choice = 1 and registered_trip_key is not null and not has_open and (is_judged or is_personal)
