-- title: Arrivals expected at High and above, or at a level not known, in the fourteen days after as_of
-- parameters: days=14
-- An arrival begins an unbroken presence at a place; its level is the one in force when it begins. What ended by as_of
-- cannot be continued by an arrival after it, so it is left out before the presences are put in order.
with publication as (
    select as_of
    from mart.publication
),

presences as (
    select
        e.*,
        lag(e.ends_at) over (partition by e.traveller_id, e.place_id order by e.starts_at, e.ends_at) as ended_before_at
    from mart.exposure as e
    inner join publication as a on e.ends_at > a.as_of and e.starts_at <= a.as_of + to_days(cast($days as integer))
    where e.presence not in ('transit', 'en_route')
)

select
    p.starts_at as arrives_at,
    p.place_name,
    p.country_code,
    p.risk_level,
    p.evacuation_status,
    p.presence,
    p.traveller_id,
    p.trip_id,
    t.registered_at is not null or t.registered_trip_id is not null as is_registered
from presences as p
cross join publication as a
inner join mart.trip as t on p.trip_id = t.trip_id
where
    p.starts_at > a.as_of and p.starts_at <= a.as_of + to_days(cast($days as integer))
    and (p.risk_level >= 4 or p.risk_level is null)
    and p.ended_before_at is distinct from p.starts_at
order by p.risk_level desc nulls last, p.starts_at asc, p.place_name asc, p.traveller_id asc
