-- Grain: day of an observed trip x country, with the registration that covers it best, if any.
-- Rules: A1 (within 3 days of a registered interval in the same country; then same city).
-- Stays meet registrations as intervals, and only the days that both have are told one by one. Where several places are
-- possible on one day (is_vague), the day is covered if one of them is. An observed trip is cancelled as a whole or not
-- at all.
-- A personal registration, or a report marked as personal, is about its own days: it excuses them of the bookings that
-- meet it, and of a booking that begins and ends within 3 days of it, which is the same journey, all days. A day is
-- personal where all that shows it is so excused: what else the traveller did in the same weeks is still asked about.
with stays as (
    select
        s.observed_key,
        s.traveller_key,
        s.trip_key,
        coalesce(s.country_code, '') as country_code,
        p.area_id,
        s.is_cancelled,
        s.is_vague,
        s.starts_date,
        s.ends_date
    from core.observed_stay as s
    inner join core.place as p on s.place_key = p.place_key
),

personal_registrations as (
    select trip_key
    from core.trip
    where source = 'registration' and purpose = 'personal'
),

registered as (
    select
        traveller_key,
        trip_key,
        country_code,
        area_id,
        starts_date,
        ends_date,
        is_open
    from core.registered_interval
    where not is_cancelled and country_code is not null
    union all
    select
        traveller_key,
        trip_key,
        country_code,
        cast(null as varchar) as area_id,
        starts_date,
        ends_date,
        false as is_open
    from core.registered_namesake
),

touching as (
    select
        s.observed_key,
        s.trip_key as observed_trip_key,
        s.country_code,
        s.starts_date,
        s.ends_date,
        r.trip_key,
        r.starts_date as registered_starts_date,
        r.ends_date as registered_ends_date,
        r.is_open,
        coalesce(s.area_id = r.area_id, false) as is_same_area,
        s.starts_date <= r.ends_date and s.ends_date >= r.starts_date as is_met
    from stays as s
    inner join registered as r
        on
            s.traveller_key = r.traveller_key and s.country_code = r.country_code
            and s.ends_date >= r.starts_date - 3
            and s.starts_date <= r.ends_date + case when r.is_open then 366 else 3 end
    where not s.is_cancelled
),

-- The three days are for trips that moved. A registration whose own days are those of one trip does not also cover the
-- edge of another. One that says no end covers the rest of the trips that it meets, and no other.
meeting as (
    select distinct
        trip_key,
        observed_key
    from touching
    where is_met
),

taken as (
    select distinct trip_key
    from meeting
),

observed_spans as (
    select
        observed_key,
        trip_key,
        min(starts_date) as starts_date,
        max(ends_date) as ends_date
    from stays
    group by observed_key, trip_key
),

personal_spans as (
    select
        r.trip_key,
        min(r.starts_date) as starts_date,
        max(r.ends_date) as ends_date,
        bool_or(r.is_open) as is_open
    from registered as r
    semi join personal_registrations as p on r.trip_key = p.trip_key
    group by r.trip_key
),

-- What a personal registration excuses of the bookings and reports that it touches.
personal_touching as (
    select
        t.observed_key,
        t.observed_trip_key,
        t.trip_key,
        p.starts_date,
        p.ends_date,
        p.is_open and m.trip_key is not null as is_open,
        abs(o.starts_date - p.starts_date) <= 3 and (p.is_open or abs(o.ends_date - p.ends_date) <= 3)
            as is_same_journey,
        bool_or(t.is_met) as is_met
    from touching as t
    inner join personal_spans as p on t.trip_key = p.trip_key
    inner join observed_spans as o on t.observed_key = o.observed_key and t.observed_trip_key = o.trip_key
    left join taken as k on t.trip_key = k.trip_key
    left join meeting as m on t.trip_key = m.trip_key and t.observed_key = m.observed_key
    where m.trip_key is not null or k.trip_key is null
    group by
        t.observed_key, t.observed_trip_key, t.trip_key, m.trip_key, o.starts_date, o.ends_date, p.starts_date,
        p.ends_date, p.is_open
),

shared as (
    select
        t.observed_key,
        t.country_code,
        t.trip_key,
        t.is_same_area,
        t.registered_starts_date,
        t.registered_ends_date,
        cast(
            unnest(
                generate_series(
                    greatest(
                        t.starts_date,
                        t.registered_starts_date - case when p.is_same_journey is false then 0 else 3 end
                    ),
                    least(
                        t.ends_date,
                        t.registered_ends_date
                        + case
                            when t.is_open and m.trip_key is not null then 366
                            when p.is_same_journey is false then 0
                            else 3
                        end
                    ),
                    interval 1 day
                )
            ) as date
        ) as day_date
    from touching as t
    left join taken as k on t.trip_key = k.trip_key
    left join meeting as m on t.trip_key = m.trip_key and t.observed_key = m.observed_key
    left join personal_touching as p
        on
            t.observed_key = p.observed_key and t.observed_trip_key = p.observed_trip_key
            and t.trip_key = p.trip_key
    where
        (m.trip_key is not null or k.trip_key is null)
        and (
            p.is_same_journey is not false
            or t.is_met
            or (t.is_open and m.trip_key is not null and t.ends_date >= t.registered_starts_date)
        )
),

covering as (
    select
        observed_key,
        country_code,
        day_date,
        trip_key,
        bool_or(is_same_area) as is_same_area,
        min(greatest(registered_starts_date - day_date, day_date - registered_ends_date, 0)) as days_off
    from shared
    group by observed_key, country_code, day_date, trip_key
),

-- The least choice is the best registration: fewest days off, then the same city, then the newest trip. It is one
-- whole number of these three, so that no day has to be sorted.
facts as (
    select
        observed_key,
        country_code,
        cast(unnest(generate_series(starts_date, ends_date, interval 1 day)) as date) as day_date,
        is_vague,
        ends_date,
        cast(null as bigint) as choice
    from stays
    union all
    select
        observed_key,
        country_code,
        day_date,
        cast(null as boolean) as is_vague,
        cast(null as date) as ends_date,
        (cast(days_off as bigint) * 2 + case when is_same_area then 0 else 1 end) * 4294967296 + 4294967295 - trip_key
            as choice
    from covering
),

days as (
    select
        observed_key,
        country_code,
        day_date,
        bool_and(is_vague) as is_vague,
        max(ends_date) > day_date as is_night,
        4294967295 - min(choice) % 4294967296 as registration_key,
        coalesce(min(choice) // 4294967296 % 2 = 0, false) as is_same_area
    from facts
    group by observed_key, country_code, day_date
),

personal_reports as (
    select t.trip_key
    from core.trip_reference as t
    inner join land.expenses as e on t.trip_ref = concat('expense:', e.report_id)
    where t.source = 'expense'
    group by t.trip_key
    having bool_and(coalesce(e.is_personal, false))
),

personal_stays as (
    select s.*
    from stays as s
    semi join personal_reports as p on s.trip_key = p.trip_key
),

personal_report_spans as (
    select
        observed_key,
        min(starts_date) as starts_date,
        max(ends_date) as ends_date
    from personal_stays
    group by observed_key
),

bookings as (
    select trip_key
    from core.trip_reference
    where source = 'booking'
),

personal_periods as (
    select
        observed_key,
        observed_trip_key as trip_key,
        starts_date - case when is_same_journey then 3 else 0 end as starts_date,
        ends_date + case when is_open then 366 when is_same_journey then 3 else 0 end as ends_date
    from personal_touching
    where is_same_journey or is_met
    union all
    select
        observed_key,
        trip_key,
        starts_date,
        ends_date
    from personal_stays
    union all
    select
        o.observed_key,
        o.trip_key,
        p.starts_date,
        p.ends_date
    from observed_spans as o
    semi join bookings as b on o.trip_key = b.trip_key
    inner join personal_stays as p on o.observed_key = p.observed_key
    union all
    select
        o.observed_key,
        o.trip_key,
        o.starts_date,
        o.ends_date
    from observed_spans as o
    semi join bookings as b on o.trip_key = b.trip_key
    inner join personal_report_spans as p on o.observed_key = p.observed_key
    where abs(o.starts_date - p.starts_date) <= 3 and abs(o.ends_date - p.ends_date) <= 3
),

suspected_stays as (
    select s.*
    from stays as s
    semi join personal_periods as p on s.observed_key = p.observed_key
),

suspected as (
    select
        observed_key,
        trip_key,
        country_code,
        cast(unnest(generate_series(starts_date, ends_date, interval 1 day)) as date) as day_date
    from suspected_stays
),

personal_days as (
    select distinct
        s.observed_key,
        s.trip_key,
        s.day_date
    from suspected as s
    inner join personal_periods as p
        on
            s.observed_key = p.observed_key and s.trip_key = p.trip_key
            and s.day_date >= p.starts_date and s.day_date <= p.ends_date
),

excused as (
    select
        s.observed_key,
        s.country_code,
        s.day_date
    from suspected as s
    left join personal_days as p
        on s.observed_key = p.observed_key and s.trip_key = p.trip_key and s.day_date = p.day_date
    group by s.observed_key, s.country_code, s.day_date
    having bool_and(p.trip_key is not null)
),

-- A day that some stay knows, or that is covered, leaves nothing open of what is only possible on it.
vague_days as (
    select distinct
        observed_key,
        day_date
    from days
    where is_vague
),

settled as (
    select distinct
        d.observed_key,
        d.day_date
    from days as d
    inner join vague_days as v on d.observed_key = v.observed_key and d.day_date = v.day_date
    where not d.is_vague or d.registration_key is not null
),

travellers as (
    select distinct
        observed_key,
        traveller_key
    from stays
)

select
    d.observed_key,
    t.traveller_key,
    nullif(d.country_code, '') as country_code,
    d.day_date,
    d.is_vague,
    d.is_night,
    cast(d.registration_key as integer) as registration_key,
    d.is_same_area,
    case
        when d.registration_key is not null and r.trip_key is null then 'covered'
        when x.observed_key is not null or r.trip_key is not null then 'personal'
        when d.is_vague and s.observed_key is not null then 'left_open'
        when d.country_code = '' then 'place_unknown'
        else 'uncovered'
    end as coverage
from days as d
inner join travellers as t on d.observed_key = t.observed_key
left join personal_registrations as r on d.registration_key = r.trip_key
left join excused as x
    on d.observed_key = x.observed_key and d.country_code = x.country_code and d.day_date = x.day_date
left join settled as s on d.observed_key = s.observed_key and d.day_date = s.day_date
