-- title: Trips by how long after their last day abroad they were registered
-- parameters: days=28
with registered as (
    select
        date_diff(
            'day', a.ends_date, cast(timezone(p.office_timezone, timezone('UTC', a.registered_at)) as date)
        ) as days_after
    from mart.trip_audit as a
    cross join mart.publication as p
    where a.registered_at is not null and a.audit_status <> 'cancelled'
)

select
    case
        when days_after is null then 'last day not known'
        when days_after <= 0 then 'by the last day'
        when days_after <= cast($days as integer) then concat('within ', $days, ' days')
        else concat('more than ', $days, ' days after')
    end as registered,
    count(*) as trips,
    median(days_after) as median_days,
    max(days_after) as most_days
from registered
group by all
order by min(days_after) nulls last
