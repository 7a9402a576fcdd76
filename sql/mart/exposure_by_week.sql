-- Grain: week x place x risk_level x presence_group x affiliation.
-- Rules: E2 (only person_days is additive), E3 (office weeks; as_of parts actual from planned), E4.
-- Time is counted in microseconds times 2520 / candidate_count, which is whole for up to 10 candidates and beyond them
-- rounded to the 2520th of a microsecond, and divided last. A night is the instant 03:00 local (S1): their number
-- between two instants follows from the local times of both, and after a change of clocks that passes over 03:00 from
-- what zone_transition adds to it. Groups are numbers until the end, for texts are long to compare: 1 present,
-- 2 possible, 3 overdue, 4 moving. People and trips are counted by grouping, a trip being one traveller's: distinct
-- counts of all cells would not fit into memory. A person's time of a week is less than 2^53 of these parts, so that
-- doubles add it exactly, in half the room of sums of whole numbers. All is one query: cells are never stored.
with parameter as (
    select as_of
    from reference.parameter
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
        utc_offset_seconds,
        nights_differ_until,
        nights_differ_by
    from reference.zone_transition
),

-- How much later than Monday 00:00 UTC a week of the office begins, at least and at most, in microseconds.
shift as (
    select
        min(epoch_us(starts_at) - epoch_us(timestamp '1990-01-01 00:00:00') - week_number * 604800000000) as least_us,
        max(epoch_us(starts_at) - epoch_us(timestamp '1990-01-01 00:00:00') - week_number * 604800000000) as most_us
    from core.week
),

spread as (
    select
        e.*,
        unnest(
            generate_series(
                (epoch_us(e.starts_at) - epoch_us(timestamp '1990-01-01 00:00:00') - s.most_us) // 604800000000,
                (epoch_us(e.ends_at) - epoch_us(timestamp '1990-01-01 00:00:00') - s.least_us) // 604800000000
            )
        ) as week_number
    from core.exposure_interval as e
    cross join shift as s
),

clipped as (
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
    inner join core.week as w on s.week_number = w.week_number
),

cells as (
    select *
    from clipped
    where starts_at < ends_at
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
        c.traveller_key,
        c.trip_key,
        (epoch_us(c.ends_at) - epoch_us(c.starts_at)) * 2520 // c.candidate_count as parts,
        greatest(epoch_us(least(c.ends_at, a.as_of)) - epoch_us(c.starts_at), 0) * 2520 // c.candidate_count
            as actual_parts,
        (epoch_us(c.ends_at) + cast(coalesce(ze.utc_offset_seconds, 0) as bigint) * 1000000 - 10800000001)
        // 86400000000
        + case when c.ends_at <= ze.nights_differ_until then ze.nights_differ_by else 0 end
        - (epoch_us(c.starts_at) + cast(coalesce(zs.utc_offset_seconds, 0) as bigint) * 1000000 - 10800000001)
        // 86400000000
        - case when c.starts_at <= zs.nights_differ_until then zs.nights_differ_by else 0 end as nights,
        case when r.since_at = c.starts_at and c.interval_starts_at = c.starts_at then 1 else 0 end as arrival
    from cells as c
    cross join parameter as a
    inner join core.place as p on c.place_key = p.place_key
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

by_trip as (
    select
        week_number,
        place_key,
        risk_level,
        group_key,
        traveller_key,
        trip_key,
        sum(cast(parts as double)) as parts,
        sum(cast(actual_parts as double)) as actual_parts,
        sum(nights) as nights,
        sum(arrival) as arrivals
    from measured
    group by week_number, place_key, risk_level, group_key, traveller_key, trip_key
),

by_traveller as (
    select
        week_number,
        place_key,
        risk_level,
        group_key,
        traveller_key,
        count(*) as trips,
        sum(parts) as parts,
        sum(actual_parts) as actual_parts,
        sum(nights) as nights,
        sum(arrivals) as arrivals
    from by_trip
    group by week_number, place_key, risk_level, group_key, traveller_key
),

affiliations as (
    select
        traveller_key,
        coalesce(affiliation, 'unknown') as affiliation
    from core.traveller
),

summed as (
    select
        b.week_number,
        b.place_key,
        b.risk_level,
        b.group_key,
        f.affiliation,
        count(*) as travellers,
        sum(b.trips) as trips,
        sum(cast(b.parts as bigint)) as parts,
        sum(cast(b.actual_parts as bigint)) as actual_parts,
        sum(b.nights) as nights,
        sum(b.arrivals) as arrivals
    from by_traveller as b
    inner join affiliations as f on b.traveller_key = f.traveller_key
    group by b.week_number, b.place_key, b.risk_level, b.group_key, f.affiliation
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
    s.affiliation,
    s.travellers,
    cast(s.trips as bigint) as trips,
    cast(s.parts as double) / 2520.0 / 86400000000.0 as person_days,
    cast(s.actual_parts as double) / 2520.0 / 86400000000.0 as person_days_actual,
    cast(s.parts - s.actual_parts as double) / 2520.0 / 86400000000.0 as person_days_planned,
    cast(s.nights as bigint) as traveller_nights,
    cast(s.arrivals as bigint) as arrivals
from summed as s
inner join core.week as w on s.week_number = w.week_number
inner join core.place as p on s.place_key = p.place_key
order by
    w.week_start_date, p.country_code, p.place_id, s.risk_level, presence_group, s.affiliation
