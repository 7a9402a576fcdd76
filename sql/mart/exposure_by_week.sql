-- Grain: week x place x risk_level x presence_group x affiliation.
-- Rules: E2 (only person_days is additive), E3 (office weeks; as_of parts actual from planned), E4.
-- People and trips are counted by grouping, a trip being one traveller's: distinct counts of all cells would not fit
-- into memory. Time is divided last.
with places as (
    select
        place_key,
        place_id,
        place_name,
        country_code,
        region_code
    from core.place
),

affiliations as (
    select
        traveller_key,
        coalesce(affiliation, 'unknown') as affiliation
    from core.traveller
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
    from core.exposure_cell
    group by week_number, place_key, risk_level, group_key, traveller_key
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
        sum(b.parts) as parts,
        sum(b.actual_parts) as actual_parts,
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
inner join places as p on s.place_key = p.place_key
order by
    w.week_start_date, p.country_code, p.place_id, s.risk_level, presence_group, s.affiliation
