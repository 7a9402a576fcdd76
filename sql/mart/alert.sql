-- Grain: alert.
-- Rules: section 9, P2 (an alert at a place that is not recognised is listed and says so).
-- Where an alert names several places, its first stands for it; people are counted over all of them.
with alerts as (
    select
        alert_id,
        title,
        severity as alert_severity,
        url
    from land.alerts
    where is_current
),

reach as (
    select
        *,
        row_number() over (partition by alert_id order by candidate_number) as place_order,
        cast(count(*) over (partition by alert_id) as integer) as candidate_count
    from core.alert_reach
),

parameter as (
    select as_of
    from reference.parameter
),

counted as (
    select
        alert_id,
        count(*) filter (where relation = 'inside') as travellers_inside,
        count(*) filter (where relation = 'arriving') as travellers_arriving_there,
        count(*) filter (where relation = 'left') as travellers_left
    from mart.alert_impact
    group by alert_id
)

select
    a.alert_id,
    a.title,
    a.alert_severity,
    a.url,
    r.reach,
    r.place_status,
    r.place_id,
    r.place_name,
    r.country_code,
    r.region_code,
    r.latitude,
    r.longitude,
    r.radius_km,
    r.candidate_count,
    r.issued_at,
    r.expires_at,
    r.asked_at,
    r.issued_at <= p.as_of and r.expires_at > p.as_of as is_in_force,
    coalesce(c.travellers_inside, 0) as travellers_inside,
    coalesce(c.travellers_arriving_there, 0) as travellers_arriving_there,
    coalesce(c.travellers_left, 0) as travellers_left
from alerts as a
inner join reach as r on a.alert_id = r.alert_id and r.place_order = 1
cross join parameter as p
left join counted as c on a.alert_id = c.alert_id
order by r.issued_at desc, a.alert_id asc
