-- Grain: registration that no booking and no expense confirms.
-- Rules: A3 (a row for each), S2 (a cancelled booking confirms no registration that stands), S3 (what shares a segment
-- with a registration belongs to it), A2 (country of most days).
-- Dates are local to the place; where the trip does not leave home they are those that its segments state.
with trips as (
    select *
    from core.trip
    where source = 'registration'
),

observed as (
    select distinct
        traveller_key,
        country_code,
        starts_date,
        ends_date,
        is_cancelled
    from core.observed_stay
),

touched as (
    select distinct
        i.trip_key,
        o.is_cancelled and not i.is_cancelled as is_cancelled
    from core.registered_interval as i
    inner join observed as o
        on
            i.traveller_key = o.traveller_key and i.country_code = o.country_code
            and o.starts_date <= i.ends_date and o.ends_date >= i.starts_date
),

-- What belongs to a registration confirms it while some segment of it is not cancelled.
confirmed as (
    select distinct l.main_trip_key as trip_key
    from core.segment as s
    inner join core.trip_link as l on s.trip_key = l.trip_key
    where s.source in ('booking', 'expense') and s.segment_status <> 'cancelled'
),

met as (
    select trip_key
    from touched
    where not is_cancelled
    union
    select trip_key
    from confirmed
    union
    select trip_key
    from trips
    where trip_status = 'cancelled' and (has_booking or has_expense)
    union
    select distinct registration_key as trip_key
    from core.audit_day
    where registration_key is not null
),

same_dates as (
    select distinct other_key as trip_key
    from core.audit_result
    where other_kind = 'same_dates' and audit_status = 'unregistered'
),

by_country as (
    select
        trip_key,
        country_code,
        min(starts_date) as starts_date,
        max(ends_date) as ends_date,
        sum(ends_date - starts_date) as night_count
    from core.registered_interval
    group by trip_key, country_code
),

main_country as (
    select
        trip_key,
        country_code
    from (
        select
            trip_key,
            country_code,
            row_number() over (
                partition by trip_key
                order by country_code is null asc, night_count desc, starts_date asc, country_code asc
            ) as choice
        from by_country
    ) as ranked
    where choice = 1
),

spans as (
    select
        trip_key,
        min(starts_date) as starts_date,
        max(ends_date) as ends_date
    from by_country
    group by trip_key
),

opening as (
    select
        i.trip_key,
        arg_min(i.place_key, concat(cast(i.starts_date as varchar), ' ', cast(i.place_key as varchar))) as place_key
    from core.registered_interval as i
    inner join main_country as m
        on i.trip_key = m.trip_key and coalesce(i.country_code, '') = coalesce(m.country_code, '')
    group by i.trip_key
),

records as (
    select
        trip_key,
        min(starts_date) as starts_date,
        max(coalesce(ends_date, starts_date)) as ends_date,
        list_sort(list(distinct segment_key)) as segment_keys
    from core.segment
    where source = 'registration'
    group by trip_key
)

select
    t.trip_key,
    concat('a_', substr(sha256(concat('registration:', t.trip_id)), 1, 16)) as audit_id,
    t.trip_id,
    t.traveller_key,
    t.registered_at,
    case when s.trip_key is null then v.home_country_code else m.country_code end as country_code,
    coalesce(s.starts_date, r.starts_date) as starts_date,
    coalesce(s.ends_date, r.ends_date) as ends_date,
    o.place_key as opening_place_key,
    case
        when t.trip_status = 'cancelled' then 'cancelled'
        when t.purpose = 'personal' or s.trip_key is null then 'not_required'
        when v.identity_status <> 'matched' or v.home_country_code is null then 'undetermined'
        else 'unconfirmed'
    end as audit_status,
    case
        when t.purpose = 'personal' then 'personal'
        when s.trip_key is null then 'home'
        when v.identity_status <> 'matched' then 'person'
        when v.home_country_code is null then 'home_unknown'
        when d.trip_key is not null then 'same_dates'
        when t.has_booking or c.trip_key is not null then 'booking_cancelled'
    end as status_cause,
    r.segment_keys
from trips as t
inner join core.traveller as v on t.traveller_key = v.traveller_key
inner join records as r on t.trip_key = r.trip_key
left join spans as s on t.trip_key = s.trip_key
left join main_country as m on t.trip_key = m.trip_key
left join opening as o on t.trip_key = o.trip_key
left join same_dates as d on t.trip_key = d.trip_key
left join touched as c on t.trip_key = c.trip_key and c.is_cancelled
anti join met as x on t.trip_key = x.trip_key
