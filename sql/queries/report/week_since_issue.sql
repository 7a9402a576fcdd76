-- title: What changed about a week since its report was first issued, by level, country and cause
-- parameters: week=2026-11-09
-- Read by the weekly report, which holds what the first issue was made of as mart.issued_exposure: the exposures that
-- touch the week, and a row without an interval for each other trip that was known within thirteen weeks of it. Trips
-- are named by a digest there. Each difference takes the first cause that applies: late (the trip was not known then),
-- cancelled_or_changed (the trip's days at a place differ), re_rated (the same days at other levels; sums to 0). The
-- parts sum to the difference. An open stay that had begun was known until as_of alone (S7), so its plan reaches as far
-- as is asked now. All time is counted, transit and en route included.
with asked as (
    select
        as_of,
        timezone('UTC', timezone(office_timezone, cast(cast($week as date) as timestamp))) as starts_at,
        timezone('UTC', timezone(office_timezone, cast(cast($week as date) + 7 as timestamp))) as ends_at
    from mart.publication
),

intervals as (
    select
        i.trip_mark,
        i.place_id,
        i.country_code,
        i.risk_level,
        i.candidate_count,
        i.starts_at,
        case when i.is_open and i.starts_at < a.as_of then greatest(i.ends_at, a.as_of) else i.ends_at end as ends_at,
        true as is_then
    from mart.issued_exposure as i
    cross join asked as a
    where i.starts_at is not null
    union all
    select
        md5_number_lower(e.trip_id) as trip_mark,
        e.place_id,
        e.country_code,
        e.risk_level,
        e.candidate_count,
        e.starts_at,
        e.ends_at,
        false as is_then
    from mart.exposure as e
    inner join asked as a on e.starts_at < a.ends_at and e.ends_at > a.starts_at
),

clipped as (
    select
        i.trip_mark,
        i.place_id,
        i.country_code,
        i.risk_level,
        i.is_then,
        greatest(epoch_us(least(i.ends_at, a.ends_at)) - epoch_us(greatest(i.starts_at, a.starts_at)), 0)
        * 2520 // i.candidate_count as parts
    from intervals as i
    cross join asked as a
),

measured as (
    select
        trip_mark,
        place_id,
        country_code,
        risk_level,
        sum(case when is_then then parts else 0 end) as parts_then,
        sum(case when is_then then 0 else parts end) as parts_now
    from clipped
    group by trip_mark, place_id, country_code, risk_level
),

changed_places as (
    select
        trip_mark,
        place_id
    from measured
    group by trip_mark, place_id
    having sum(parts_then) <> sum(parts_now)
),

changed_trips as (
    select distinct trip_mark
    from changed_places
),

known_trips as (
    select distinct trip_mark
    from mart.issued_exposure
),

caused as (
    select
        m.country_code,
        m.risk_level,
        m.parts_then,
        m.parts_now,
        case
            when k.trip_mark is null then 'late'
            when c.trip_mark is not null then 'cancelled_or_changed'
            else 're_rated'
        end as cause
    from measured as m
    left join known_trips as k on m.trip_mark = k.trip_mark
    left join changed_trips as c on m.trip_mark = c.trip_mark
),

summed as (
    select
        risk_level,
        country_code,
        sum(parts_then) as parts_then,
        sum(case when cause = 'late' then parts_now - parts_then else 0 end) as late,
        sum(case when cause = 'cancelled_or_changed' then parts_now - parts_then else 0 end) as cancelled_or_changed,
        sum(case when cause = 're_rated' then parts_now - parts_then else 0 end) as re_rated,
        sum(parts_now) as parts_now
    from caused
    group by risk_level, country_code
)

select
    risk_level,
    country_code,
    cast(parts_then as double) / 2520.0 / 86400000000.0 as person_days_first_issued,
    cast(late as double) / 2520.0 / 86400000000.0 as late,
    cast(cancelled_or_changed as double) / 2520.0 / 86400000000.0 as cancelled_or_changed,
    cast(re_rated as double) / 2520.0 / 86400000000.0 as re_rated,
    cast(parts_now as double) / 2520.0 / 86400000000.0 as person_days
from summed
order by risk_level desc nulls first, country_code asc
