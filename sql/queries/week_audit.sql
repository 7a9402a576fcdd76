-- title: Observed trips that touch a week by what the audit says of them
-- parameters: week=2026-11-09
select
    audit_status,
    count(*) as trips,
    count(distinct traveller_id) as travellers
from mart.trip_audit
where starts_date < cast($week as date) + 7 and ends_date >= cast($week as date)
group by audit_status
order by audit_status asc
