-- Grain: observed trip, with what the registry says of it.
-- Rules: A1, A2. The registration that covers most days is the match, then the one that covers most of them in the
-- same city. Where nothing covers a day, the other registration that the reason names is one of the same dates, then a
-- cancelled one of the same dates, then the nearest within 60 days, and a personal one is named as such.
-- What is foreign to somebody whose home nobody knows cannot be told, unless all of it is registered.
-- match_score is the covered share of days, each counting 0.75 for its country and 0.25 more for its city.
-- A registration is late after the departure from home; where none is seen, from the local end of the first day on. Of
-- several the match tells, as it covers most of the stay: one day that was registered early does not stand for all.
with travellers as (
    select
        traveller_key,
        identity_status,
        home_country_code
    from core.traveller
),

matches as (
    select
        observed_key,
        registration_key,
        row_number() over (
            partition by observed_key
            order by
                count(*) filter (where coverage = 'covered') desc,
                count(*) desc,
                count(*) filter (where is_same_area) desc,
                registration_key desc
        ) as choice
    from core.audit_day
    where registration_key is not null
    group by observed_key, registration_key
),

counted as (
    select
        observed_key,
        count(*) filter (where coverage <> 'left_open') as day_count,
        count(*) filter (where coverage = 'covered') as covered_count,
        count(*) filter (where registration_key is not null) as registered_count,
        count(*) filter (where registration_key is not null and is_same_area) as same_area_count,
        count(*) filter (where coverage = 'uncovered') as uncovered_count,
        count(*) filter (where coverage = 'personal') as personal_count,
        list_sort(list(distinct day_date) filter (where coverage = 'uncovered')) as uncovered_dates,
        min(day_date) filter (where coverage = 'uncovered') as first_uncovered_date,
        max(day_date) filter (where coverage = 'uncovered') as last_uncovered_date
    from core.audit_day
    group by observed_key
),

matched_at as (
    select
        m.observed_key,
        t.registered_at
    from matches as m
    inner join core.trip as t on m.registration_key = t.trip_key
    inner join counted as c on m.observed_key = c.observed_key
    where m.choice = 1 and c.covered_count > 0
),

first_days as (
    select distinct
        o.observed_key,
        p.timezone,
        cast(o.starts_date + 1 as timestamp) as ends_local
    from core.observed_trip as o
    inner join core.observed_stay as s on o.observed_key = s.observed_key and o.starts_date = s.starts_date
    inner join core.place as p on s.place_key = p.place_key
    where o.left_home_at is null and not o.is_cancelled
),

first_day_ends as (
    select
        d.observed_key,
        max(d.ends_local - to_seconds(coalesce(z.utc_offset_seconds, 0))) as day_ends_at
    from first_days as d
    left join reference.zone_transition as z
        on
            d.timezone = z.timezone and year(d.ends_local) = z.local_year
            and d.ends_local >= z.local_starts and d.ends_local < z.local_ends
    group by d.observed_key
),

-- Registrations whose place is unknown or only guessed, on days that nothing covers.
doubtful as (
    select distinct c.observed_key
    from counted as c
    inner join core.observed_trip as o on c.observed_key = o.observed_key
    inner join core.registered_interval as i
        on
            o.traveller_key = i.traveller_key
            and i.starts_date <= c.last_uncovered_date and c.first_uncovered_date <= i.ends_date
    where not i.is_cancelled and (i.country_code is null or (i.is_guessed and c.covered_count = 0))
),

registrations as (
    select
        i.traveller_key,
        i.trip_key,
        i.is_cancelled,
        t.purpose = 'personal' as is_personal,
        min(i.starts_date) as starts_date,
        max(i.ends_date) as ends_date
    from core.registered_interval as i
    inner join core.trip as t on i.trip_key = t.trip_key
    group by i.traveller_key, i.trip_key, i.is_cancelled, t.purpose
),

others as (
    select
        observed_key,
        trip_key,
        starts_date,
        kind
    from (
        select
            o.observed_key,
            r.trip_key,
            r.starts_date,
            case
                when r.is_cancelled then 'cancelled'
                when r.is_personal then 'personal'
                when r.starts_date <= o.ends_date and o.starts_date <= r.ends_date then 'same_dates'
                else 'nearest'
            end as kind,
            row_number() over (
                partition by o.observed_key
                order by
                    case
                        when r.is_cancelled then 2
                        when r.is_personal then 3
                        when r.starts_date <= o.ends_date and o.starts_date <= r.ends_date then 1
                        else 3
                    end asc,
                    greatest(r.starts_date - o.ends_date, o.starts_date - r.ends_date, 0) asc,
                    r.trip_key desc
            ) as choice
        from core.observed_trip as o
        inner join counted as c on o.observed_key = c.observed_key
        inner join registrations as r
            on
                o.traveller_key = r.traveller_key
                and r.starts_date <= o.ends_date + case when r.is_cancelled then 3 else 60 end
                and o.starts_date <= r.ends_date + case when r.is_cancelled then 3 else 60 end
        where c.covered_count = 0
    ) as ranked
    where choice = 1
)

select
    o.observed_key,
    case
        when o.is_cancelled then 'cancelled'
        when c.personal_count > 0 and c.covered_count + c.uncovered_count = 0 then 'not_required'
        when t.identity_status <> 'matched' then 'undetermined'
        when c.uncovered_count > 0 and t.home_country_code is null then 'undetermined'
        when c.uncovered_count > 0 and d.observed_key is not null then 'undetermined'
        when c.uncovered_count = 0 and c.covered_count = 0 then 'undetermined'
        when c.covered_count = 0 then 'unregistered'
        when c.uncovered_count > 0 then 'partial'
        when e.registered_at > o.left_home_at or e.registered_at >= f.day_ends_at then 'registered_late'
        else 'registered'
    end as audit_status,
    case
        when c.personal_count > 0 and c.covered_count + c.uncovered_count = 0
            then case when m.registration_key is null then 'personal_expenses' else 'personal_registration' end
        when t.identity_status <> 'matched' then 'person'
        when c.uncovered_count > 0 and t.home_country_code is null then 'home_unknown'
        when c.uncovered_count > 0 and d.observed_key is not null then 'registered_place'
        when c.uncovered_count = 0 and c.covered_count = 0 then 'observed_place'
    end as status_cause,
    case
        when c.day_count > 0
            then cast(c.registered_count * 3 + c.same_area_count as double) / cast(c.day_count * 4 as double)
        else 0.0
    end as match_score,
    m.registration_key,
    e.registered_at,
    c.uncovered_dates,
    h.trip_key as other_key,
    h.starts_date as other_date,
    h.kind as other_kind
from core.observed_trip as o
inner join counted as c on o.observed_key = c.observed_key
inner join travellers as t on o.traveller_key = t.traveller_key
left join matches as m on o.observed_key = m.observed_key and m.choice = 1
left join matched_at as e on o.observed_key = e.observed_key
left join first_day_ends as f on o.observed_key = f.observed_key
left join doubtful as d on o.observed_key = d.observed_key
left join others as h on o.observed_key = h.observed_key
