-- Grain: pair of feeds, with the number of trips estimated from what each of them saw and both did.
-- Rules: A3 (capture-recapture). Chapman's estimator (1951) with Seber's variance (1970), by affiliation and summed,
-- because students, faculty and staff register and book unlike each other; an affiliation in which both feeds saw fewer
-- than 7 of the same trips, where the estimator is biased (Robson and Regier 1964), is counted with the others like it.
-- The interval is log-normal in the trips that neither saw (Chao 1987), so that it never ends below what was seen. It
-- holds what chance does and nothing else: feeds that depend on each other put the truth outside of it.
-- Counted are ended trips abroad for the university of people on the roster.
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
        t.has_expense,
        coalesce(v.affiliation, '') as affiliation
    from mart.trip_audit as t
    cross join parameter as a
    left join mart.traveller as v on t.traveller_id = v.traveller_id
    left join same_dates as s on t.matched_trip_id = s.trip_id and t.audit_status = 'unconfirmed'
    where
        t.audit_status in ('registered', 'registered_late', 'partial', 'unregistered', 'unconfirmed')
        and t.ends_date < a.as_of_date and s.trip_id is null
),

pairs as (
    select
        'registrations' as first_source,
        'bookings or expenses' as second_source,
        affiliation,
        is_registered as is_first,
        has_booking or has_expense as is_second
    from trips
    union all
    select
        'registrations' as first_source,
        'bookings' as second_source,
        affiliation,
        is_registered as is_first,
        has_booking as is_second
    from trips
    union all
    select
        'registrations' as first_source,
        'expenses' as second_source,
        affiliation,
        is_registered as is_first,
        has_expense as is_second
    from trips
    union all
    select
        'bookings' as first_source,
        'expenses' as second_source,
        affiliation,
        has_booking as is_first,
        has_expense as is_second
    from trips
),

by_affiliation as (
    select
        first_source,
        second_source,
        affiliation,
        count(*) filter (where is_first and is_second) >= 7 as is_stratum
    from pairs
    group by first_source, second_source, affiliation
),

counted as (
    select
        p.first_source,
        p.second_source,
        case when b.is_stratum then p.affiliation end as stratum,
        count(*) filter (where p.is_first) as first_count,
        count(*) filter (where p.is_second) as second_count,
        count(*) filter (where p.is_first and p.is_second) as both_count,
        count(*) filter (where p.is_first or p.is_second) as seen_count
    from pairs as p
    inner join by_affiliation as b
        on
            p.first_source = b.first_source and p.second_source = b.second_source
            and p.affiliation = b.affiliation
    group by p.first_source, p.second_source, stratum
),

chapman as (
    select
        *,
        cast(first_count + 1 as double) * (second_count + 1) / (both_count + 1) - 1 as trip_estimate,
        cast(first_count + 1 as double) * (second_count + 1) * (first_count - both_count) * (second_count - both_count)
        / (cast(both_count + 1 as double) * (both_count + 1) * (both_count + 2)) as variance
    from counted
),

estimated as (
    select
        first_source,
        second_source,
        cast(sum(first_count) as bigint) as first_count,
        cast(sum(second_count) as bigint) as second_count,
        cast(sum(both_count) as bigint) as both_count,
        cast(sum(seen_count) as bigint) as seen_count,
        sum(trip_estimate order by stratum) as trip_estimate,
        sum(variance order by stratum) as variance
    from chapman
    group by first_source, second_source
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
        'Assumes that ', first_source, ' and ', second_source, ' see trips independently of each other, that within ',
        'an affiliation every trip is as likely to be seen as any other, that every registered trip was made, and ',
        'that trips are told apart rightly. Who does not register is often not booked either, and an agency feeds ',
        'the registry: then there are more unseen trips than this says, and it is the least to expect. Where each ',
        'feed sees other kinds of trips, or registered trips were given up, there are fewer. The interval is for ',
        'chance alone.'
    ) as assumptions
from unseen
order by first_source desc, second_source desc
