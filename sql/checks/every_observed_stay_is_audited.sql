-- title: stays abroad of bookings and expenses that the audit does not hold, or holds twice
-- severity: blocking
with stated as (
    select
        trip_key,
        count(*) as stays
    from core.stated_stay
    where source in ('booking', 'expense')
    group by trip_key
),

audited as (
    select
        s.trip_key,
        count(*) as stays
    from core.observed_stay as s
    inner join core.observed_trip as o on s.observed_key = o.observed_key
    inner join mart.trip_audit as a on o.audit_id = a.audit_id
    group by s.trip_key
)

select
    s.trip_key,
    s.stays,
    a.stays as audited_stays
from stated as s
left join audited as a on s.trip_key = a.trip_key
where a.stays is distinct from s.stays
