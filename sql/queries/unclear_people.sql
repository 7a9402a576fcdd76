-- title: People whom the roster does not know or who may be several, why, and the person-days that hang on them
-- parameters: status=
with days as (
    select
        traveller_id,
        count(distinct trip_id) as trips,
        min(starts_at) as first_starts_at,
        max(ends_at) as last_ends_at,
        round(sum(weight * epoch(ends_at - starts_at)) / 86400, 1) as person_days
    from mart.exposure
    where presence not in ('transit', 'en_route')
    group by traveller_id
)

select
    t.traveller_id,
    t.identity_status,
    t.identity_reason,
    coalesce(d.trips, 0) as trips,
    d.first_starts_at,
    d.last_ends_at,
    coalesce(d.person_days, 0) as person_days
from mart.traveller as t
left join days as d on t.traveller_id = d.traveller_id
where t.identity_status <> 'matched' and ($status = '' or t.identity_status = $status)
order by person_days desc, t.traveller_id asc
