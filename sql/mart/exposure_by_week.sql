-- Grain: week x place x risk_level x presence_group x affiliation.
-- Rules: E2 (only person_days is additive), E3 (office weeks; as_of parts actual from planned), E4.
-- Time is counted in microseconds times 2520 / candidate_count, which is whole for up to 10 candidates and beyond them
-- rounded to the 2520th of a microsecond, and divided last. A night is the instant 03:00 local: their number between
-- two instants follows from the local times of both.
with intervals as (
    select * from core.exposure_interval
),

weeks as (
    select * from core.week
),

parameter as (
    select as_of
    from reference.parameter
),

places as (
    select
        place_key,
        place_id,
        place_name,
        country_code,
        region_code,
        timezone
    from core.place
),

travellers as (
    select
        traveller_key,
        coalesce(affiliation, 'unknown') as affiliation,
        dense_rank() over (order by coalesce(affiliation, 'unknown')) as affiliation_key
    from core.traveller
),

affiliations as (
    select distinct
        affiliation_key,
        affiliation
    from travellers
),

runs as (
    select
        stay_id,
        since_at
    from core.stay_run
    where is_arrival
),

zones as (
    select
        timezone,
        local_year,
        starts_at,
        ends_at,
        utc_offset_seconds
    from reference.zone_transition
),

spread as (
    select
        *,
        unnest(
            generate_series(
                (epoch_us(starts_at) - epoch_us(timestamp '1990-01-02 00:00:00')) // 604800000000,
                (epoch_us(ends_at) - epoch_us(timestamp '1989-12-31 00:00:00')) // 604800000000
            )
        ) as week_number
    from intervals
),

cells as (
    select
        s.stay_id,
        s.traveller_key,
        s.place_key,
        s.trip_key,
        s.risk_level,
        s.presence,
        s.candidate_count,
        s.week_number,
        s.starts_at as interval_starts_at,
        greatest(s.starts_at, w.starts_at) as starts_at,
        least(s.ends_at, w.ends_at) as ends_at
    from spread as s
    inner join weeks as w on s.week_number = w.week_number
    where s.starts_at < w.ends_at and s.ends_at > w.starts_at
),

measured as (
    select
        c.week_number,
        c.place_key,
        c.risk_level,
        case c.presence
            when 'possible' then 2
            when 'overdue' then 3
            when 'transit' then 4
            when 'en_route' then 4
            else 1
        end as group_key,
        t.affiliation_key,
        c.traveller_key,
        c.trip_key,
        (epoch_us(c.ends_at) - epoch_us(c.starts_at)) * 2520 // c.candidate_count as parts,
        greatest(epoch_us(least(c.ends_at, a.as_of)) - epoch_us(c.starts_at), 0) * 2520 // c.candidate_count
            as actual_parts,
        (epoch_us(c.ends_at) + cast(coalesce(ze.utc_offset_seconds, 0) as bigint) * 1000000 - 10800000001)
        // 86400000000
        - (epoch_us(c.starts_at) + cast(coalesce(zs.utc_offset_seconds, 0) as bigint) * 1000000 - 10800000001)
        // 86400000000 as nights,
        case when r.since_at = c.starts_at and c.interval_starts_at = c.starts_at then 1 else 0 end as arrival
    from cells as c
    cross join parameter as a
    inner join places as p on c.place_key = p.place_key
    inner join travellers as t on c.traveller_key = t.traveller_key
    left join zones as zs
        on
            p.timezone = zs.timezone and year(c.starts_at) = zs.local_year
            and c.starts_at >= zs.starts_at and c.starts_at < zs.ends_at
    left join zones as ze
        on
            p.timezone = ze.timezone and year(c.ends_at) = ze.local_year
            and c.ends_at >= ze.starts_at and c.ends_at < ze.ends_at
    left join runs as r on c.stay_id = r.stay_id
),

-- By keys, for texts are long to compare; a place and a week are named once a group. A trip is one traveller's, so that
-- people and trips are counted by grouping twice more: distinct counts of so many rows would not fit into memory.
by_trip as (
    select
        week_number,
        place_key,
        risk_level,
        group_key,
        affiliation_key,
        traveller_key,
        trip_key,
        sum(parts) as parts,
        sum(actual_parts) as actual_parts,
        sum(nights) as nights,
        sum(arrival) as arrivals
    from measured
    group by week_number, place_key, risk_level, group_key, affiliation_key, traveller_key, trip_key
),

by_traveller as (
    select
        week_number,
        place_key,
        risk_level,
        group_key,
        affiliation_key,
        count(*) as trips,
        sum(parts) as parts,
        sum(actual_parts) as actual_parts,
        sum(nights) as nights,
        sum(arrivals) as arrivals
    from by_trip
    group by week_number, place_key, risk_level, group_key, affiliation_key, traveller_key
),

summed as (
    select
        week_number,
        place_key,
        risk_level,
        group_key,
        affiliation_key,
        count(*) as travellers,
        sum(trips) as trips,
        sum(parts) as parts,
        sum(actual_parts) as actual_parts,
        sum(nights) as nights,
        sum(arrivals) as arrivals
    from by_traveller
    group by week_number, place_key, risk_level, group_key, affiliation_key
)

select
    w.week_start_date,
    p.country_code,
    p.region_code,
    p.place_id,
    p.place_name,
    s.risk_level,
    case s.group_key when 2 then 'possible' when 3 then 'overdue' when 4 then 'moving' else 'present' end
        as presence_group,
    f.affiliation,
    s.travellers,
    cast(s.trips as bigint) as trips,
    cast(s.parts as double) / 2520.0 / 86400000000.0 as person_days,
    cast(s.actual_parts as double) / 2520.0 / 86400000000.0 as person_days_actual,
    cast(s.parts - s.actual_parts as double) / 2520.0 / 86400000000.0 as person_days_planned,
    cast(s.nights as bigint) as traveller_nights,
    cast(s.arrivals as bigint) as arrivals
from summed as s
inner join weeks as w on s.week_number = w.week_number
inner join places as p on s.place_key = p.place_key
inner join affiliations as f on s.affiliation_key = f.affiliation_key
order by
    w.week_start_date, p.country_code, p.place_id, s.risk_level, presence_group, f.affiliation
