-- Grain: day of an observed trip x country, with the registration that covers it best, if any.
-- Rules: A1 (within 3 days of a registered interval in the same country; then same city).
-- Days are compared by traveller and country, so that the join grows with the days and not with their square. Where
-- several places are possible on one day (is_vague), the day is covered if one of them is. A day is personal where all
-- that shows it are bookings and reports that meet a personal registration or a report marked as personal: what else
-- the traveller did in the same weeks is still asked about.
with stays as (
    select
        s.*,
        p.area_id
    from core.observed_stay as s
    inner join core.place as p on s.place_key = p.place_key
),

expanded as (
    select
        observed_key,
        traveller_key,
        trip_key,
        coalesce(country_code, '') as country_code,
        area_id,
        is_cancelled,
        is_vague,
        ends_date,
        cast(unnest(generate_series(starts_date, ends_date, interval 1 day)) as date) as day_date
    from stays
),

days as (
    select
        observed_key,
        traveller_key,
        country_code,
        day_date,
        bool_and(is_vague) as is_vague,
        bool_or(day_date < ends_date) as is_night,
        bool_and(is_cancelled) as is_cancelled
    from expanded
    group by observed_key, traveller_key, country_code, day_date
),

areas as (
    select distinct
        observed_key,
        country_code,
        day_date,
        area_id
    from expanded
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
        d.observed_key,
        d.country_code,
        d.day_date,
        r.trip_key,
        r.area_id,
        greatest(r.starts_date - d.day_date, d.day_date - r.ends_date, 0) as days_off
    from days as d
    inner join registered as r
        on
            d.traveller_key = r.traveller_key and d.country_code = r.country_code
            and d.day_date >= r.starts_date - 3
            and d.day_date <= r.ends_date + case when r.is_open then 366 else 3 end
    where not d.is_cancelled
),

-- The three days are for trips that moved. A registration whose own days are those of one trip does not also cover the
-- edge of another. One that says no end covers the rest of the trips that it meets, and no other.
meeting as (
    select distinct
        t.trip_key,
        t.observed_key
    from touching as t
    where t.days_off = 0
),

taken as (
    select distinct trip_key
    from meeting
),

covering as (
    select
        t.observed_key,
        t.country_code,
        t.day_date,
        t.trip_key,
        bool_or(a.area_id is not null) as is_same_area,
        min(t.days_off) as days_off
    from touching as t
    left join taken as k on t.trip_key = k.trip_key
    left join meeting as m on t.trip_key = m.trip_key and t.observed_key = m.observed_key
    left join areas as a
        on
            t.observed_key = a.observed_key and t.country_code = a.country_code and t.day_date = a.day_date
            and t.area_id = a.area_id
    where m.trip_key is not null or (k.trip_key is null and t.days_off <= 3)
    group by t.observed_key, t.country_code, t.day_date, t.trip_key
),

best as (
    select
        observed_key,
        country_code,
        day_date,
        trip_key,
        is_same_area,
        row_number() over (
            partition by observed_key, country_code, day_date
            order by days_off asc, is_same_area desc, trip_key desc
        ) as choice
    from covering
),

registrations as (
    select
        trip_key,
        purpose = 'personal' as is_personal
    from core.trip
    where source = 'registration'
),

personal_reports as (
    select t.trip_key
    from core.trip_reference as t
    inner join land.expenses as e on t.trip_ref = concat('expense:', e.report_id)
    where t.source = 'expense'
    group by t.trip_key
    having bool_and(coalesce(e.is_personal, false))
),

personal_days as (
    select
        e.observed_key,
        e.day_date
    from expanded as e
    inner join personal_reports as p on e.trip_key = p.trip_key
    union
    select
        b.observed_key,
        b.day_date
    from best as b
    inner join registrations as r on b.trip_key = r.trip_key
    where b.choice = 1 and r.is_personal
),

suspected as (
    select e.*
    from expanded as e
    semi join personal_days as p on e.observed_key = p.observed_key
),

personal_trips as (
    select distinct
        s.observed_key,
        s.trip_key
    from suspected as s
    inner join personal_days as p on s.observed_key = p.observed_key and s.day_date = p.day_date
),

excused as (
    select
        s.observed_key,
        s.country_code,
        s.day_date
    from suspected as s
    left join personal_trips as p on s.observed_key = p.observed_key and s.trip_key = p.trip_key
    group by s.observed_key, s.country_code, s.day_date
    having bool_and(p.trip_key is not null)
),

told as (
    select
        d.observed_key,
        d.traveller_key,
        nullif(d.country_code, '') as country_code,
        d.day_date,
        d.is_vague,
        d.is_night,
        b.trip_key as registration_key,
        b.is_same_area,
        coalesce(r.is_personal, false) as is_personal_registration,
        x.observed_key is not null as is_excused,
        bool_or(not d.is_vague) over (partition by d.observed_key, d.day_date) as is_day_known,
        bool_or(b.trip_key is not null) over (partition by d.observed_key, d.day_date) as is_day_covered
    from days as d
    left join best as b
        on
            d.observed_key = b.observed_key and d.country_code = b.country_code and d.day_date = b.day_date
            and b.choice = 1
    left join registrations as r on b.trip_key = r.trip_key
    left join excused as x
        on d.observed_key = x.observed_key and d.country_code = x.country_code and d.day_date = x.day_date
)

select
    observed_key,
    traveller_key,
    country_code,
    day_date,
    is_vague,
    is_night,
    registration_key,
    coalesce(is_same_area, false) as is_same_area,
    case
        when registration_key is not null and not is_personal_registration then 'covered'
        when is_excused or is_personal_registration then 'personal'
        when is_vague and (is_day_known or is_day_covered) then 'left_open'
        when country_code is null then 'place_unknown'
        else 'uncovered'
    end as coverage
from told
