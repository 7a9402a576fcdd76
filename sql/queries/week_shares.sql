-- title: What is registered, reachable and known about the trips, people and person-days of a week
-- parameters: week=2026-11-09
-- A booking whose days a registration covers is that journey, told twice, and counts once. Personal trips need no
-- registration, and are no trips here; their people and days are.
with asked as (
    select
        timezone('UTC', timezone(office_timezone, cast(cast($week as date) as timestamp))) as starts_at,
        timezone('UTC', timezone(office_timezone, cast(cast($week as date) + 7 as timestamp))) as ends_at
    from mart.publication
),

pieces as (
    select
        e.traveller_id,
        e.trip_id,
        e.risk_level,
        e.rating_status,
        e.presence,
        cast(
            (epoch_us(least(e.ends_at, a.ends_at)) - epoch_us(greatest(e.starts_at, a.starts_at)))
            * 2520 // e.candidate_count as hugeint
        ) as parts
    from asked as a
    inner join mart.exposure as e on e.starts_at < a.ends_at and e.ends_at > a.starts_at
    where e.presence not in ('transit', 'en_route')
),

journeys as (
    select
        coalesce(t.registered_trip_id, t.trip_id) as journey_id,
        bool_or(coalesce(r.registered_at, t.registered_at) is not null) as is_registered
    from mart.trip as t
    left join mart.trip as r on t.registered_trip_id = r.trip_id
    where t.trip_id in (select trip_id from pieces) and coalesce(r.purpose, t.purpose) <> 'personal'
    group by coalesce(t.registered_trip_id, t.trip_id)
),

trips as (
    select
        count(*) as trips,
        count(case when is_registered then 1 end) as trips_registered
    from journeys
),

people as (
    select
        count(*) as travellers,
        count(case when t.has_phone or t.has_email then 1 end) as travellers_contactable,
        count(case when t.identity_status <> 'matched' then 1 end) as travellers_unclear
    from mart.traveller as t
    where t.traveller_id in (select traveller_id from pieces)
),

days as (
    select
        coalesce(sum(parts), 0) / 2520.0 / 86400000000.0 as person_days,
        coalesce(sum(case when risk_level is null then parts end), 0) / 2520.0 / 86400000000.0 as person_days_unknown,
        coalesce(sum(case when rating_status = 'place_unknown' then parts end), 0) / 2520.0 / 86400000000.0
            as person_days_place_unknown,
        coalesce(sum(case when rating_status = 'stale' then parts end), 0) / 2520.0 / 86400000000.0
            as person_days_stale,
        coalesce(sum(case when presence = 'possible' then parts end), 0) / 2520.0 / 86400000000.0
            as person_days_possible,
        count(distinct case when presence = 'overdue' then traveller_id end) as travellers_overdue,
        count(distinct case when risk_level >= 4 then traveller_id end) as travellers_high
    from pieces
)

select
    t.trips,
    t.trips_registered,
    p.travellers,
    p.travellers_contactable,
    p.travellers_unclear,
    d.travellers_overdue,
    d.travellers_high,
    d.person_days,
    d.person_days_unknown,
    d.person_days_place_unknown,
    d.person_days_stale,
    d.person_days_possible
from trips as t
cross join people as p
cross join days as d
