-- Grain: day of an observed trip x country, with the registration that covers it best, if any.
-- Rules: A1 (within 3 days of a registered interval in the same country; then same city).
-- Days are compared by traveller and country, so that the join grows with the days and not with their square. Where
-- several places are possible on one day (is_vague), the day is covered if one of them is.
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
        ends_date
    from core.registered_interval
    where not is_cancelled and country_code is not null
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
            and d.day_date >= r.starts_date - 3 and d.day_date <= r.ends_date + 3
    where not d.is_cancelled
),

-- The three days are for trips that moved. A registration whose own days are those of one trip does not also cover
-- the edge of another.
meeting as (
    select distinct
        trip_key,
        observed_key
    from touching
    where days_off = 0
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
    where m.trip_key is not null or k.trip_key is null
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
        bool_or(not d.is_vague) over (partition by d.observed_key, d.day_date) as is_day_known,
        bool_or(b.trip_key is not null) over (partition by d.observed_key, d.day_date) as is_day_covered
    from days as d
    left join best as b
        on
            d.observed_key = b.observed_key and d.country_code = b.country_code and d.day_date = b.day_date
            and b.choice = 1
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
        when registration_key is not null then 'covered'
        when is_vague and (is_day_known or is_day_covered) then 'left_open'
        when country_code is null then 'place_unknown'
        else 'uncovered'
    end as coverage
from told
