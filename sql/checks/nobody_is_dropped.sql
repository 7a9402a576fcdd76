-- title: travellers whom an uncancelled, dated segment places somewhere, but who have no stay
-- severity: blocking
with placed as (
    select distinct traveller_key
    from core.segment
    where segment_status <> 'cancelled' and starts_at is not null
),

present as (
    select distinct traveller_key
    from core.stay_piece
)

select p.traveller_key
from placed as p
left join present as s on p.traveller_key = s.traveller_key
where s.traveller_key is null
