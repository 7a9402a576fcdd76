-- title: Requirements not met of trips that arrive at High and above in the fourteen days after as_of
-- parameters: days=14
with publication as (
    select as_of
    from mart.publication
),

trips as (
    select distinct e.trip_id
    from mart.exposure as e
    cross join publication as a
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
