-- title: Requirements not met of trips that arrive at High and above in the fourteen days after as_of
-- parameters: days=14
-- What the registry has as another trip is judged there, so an arrival is asked what that one is asked.
with publication as (
    select as_of
    from mart.publication
),

trips as (
    select distinct coalesce(t.registered_trip_id, e.trip_id) as trip_id
    from mart.exposure as e
    cross join publication as a
    left join mart.policy_trip as t on e.trip_id = t.trip_id
    where
        e.starts_at > a.as_of and e.starts_at <= a.as_of + to_days(cast($days as integer))
        and (e.risk_level >= 4 or e.risk_level is null) and e.presence not in ('transit', 'en_route')
)

select
    c.trip_id,
    c.traveller_id,
    c.requirement,
    c.obligation,
    c.status,
    c.due_at,
    c.reason
from mart.policy_check as c
inner join trips as t on c.trip_id = t.trip_id
where c.status in ('missing', 'late', 'rejected', 'risen')
order by c.due_at asc, c.trip_id asc, c.requirement asc
