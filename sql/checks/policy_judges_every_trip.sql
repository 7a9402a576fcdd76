-- title: trips, neither cancelled nor personal, without a policy result for a requirement
-- severity: blocking
with requirements as (
    select distinct requirement
    from reference.policy_rule
),

expected as (
    select
        t.trip_id,
        r.requirement
    from mart.trip as t
    cross join requirements as r
    where t.trip_status <> 'cancelled' and t.purpose <> 'personal'
)

select
    e.trip_id,
    e.requirement
from expected as e
left join mart.policy_check as c on e.trip_id = c.trip_id and e.requirement = c.requirement
where c.trip_id is null
