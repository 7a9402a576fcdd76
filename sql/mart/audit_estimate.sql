-- Grain: pair of feeds, with the number of trips estimated from what each of them saw and both did.
-- Rules: A3 (capture-recapture). Chapman's estimator; the interval is log-normal in the trips that neither saw, so that
-- it never ends below what was seen. Counted are ended trips abroad for the university of people on the roster.
with parameter as (
    select cast(as_of as date) as as_of_date
    from reference.parameter
),

same_dates as (
    select r.trip_id
    from core.audit_registration as r
    where r.status_cause = 'same_dates'
),

trips as (
    select
        t.audit_status <> 'unregistered' as is_registered,
        t.has_booking,
        t.has_expense
    from mart.trip_audit as t
    cross join parameter as a
    left join same_dates as s on t.matched_trip_id = s.trip_id and t.audit_status = 'unconfirmed'
    where
        t.audit_status in ('registered', 'registered_late', 'partial', 'unregistered', 'unconfirmed')
        and t.ends_date < a.as_of_date and s.trip_id is null
),

pairs as (
    select
        'registrations' as first_source,
        'bookings or expenses' as second_source,
        is_registered as is_first,
        has_booking or has_expense as is_second
    from trips
    union all
    select
        'registrations' as first_source,
        'bookings' as second_source,
        is_registered as is_first,
        has_booking as is_second
    from trips
    union all
    select
        'registrations' as first_source,
        'expenses' as second_source,
        is_registered as is_first,
        has_expense as is_second
    from trips
    union all
    select
        'bookings' as first_source,
        'expenses' as second_source,
        has_booking as is_first,
        has_expense as is_second
    from trips
),

counted as (
    select
        first_source,
        second_source,
        count(*) filter (where is_first) as first_count,
        count(*) filter (where is_second) as second_count,
        count(*) filter (where is_first and is_second) as both_count,
        count(*) filter (where is_first or is_second) as seen_count
    from pairs
    group by first_source, second_source
),

estimated as (
    select
        *,
        cast(first_count + 1 as double) * (second_count + 1) / (both_count + 1) - 1 as trip_estimate,
        cast(first_count + 1 as double) * (second_count + 1) * (first_count - both_count) * (second_count - both_count)
        / (cast(both_count + 1 as double) * (both_count + 1) * (both_count + 2)) as variance
    from counted
),

unseen as (
    select
        *,
        greatest(trip_estimate - seen_count, 0) as unseen_estimate,
        case
            when trip_estimate > seen_count
                then exp(1.959964 * sqrt(ln(1 + variance / power(trip_estimate - seen_count, 2))))
            else 1
        end as spread
    from estimated
)

select
    first_source,
    second_source,
    first_count,
    second_count,
    both_count,
    seen_count,
    greatest(trip_estimate, seen_count) as trip_estimate,
    seen_count + unseen_estimate / spread as trip_estimate_low,
    seen_count + unseen_estimate * spread as trip_estimate_high,
    unseen_estimate,
    unseen_estimate / spread as unseen_estimate_low,
    unseen_estimate * spread as unseen_estimate_high,
    concat(
        'Assumes that ', first_source, ' and ', second_source, ' see trips independently of each other, that every ',
        'trip is as likely to be seen as any other, and that trips are told apart rightly. Where one feed feeds the ',
        'other, as an agency does the registry, the estimate is too low; where each sees other kinds of trips, it is ',
        'too high.'
    ) as assumptions
from unseen
order by first_source desc, second_source desc
