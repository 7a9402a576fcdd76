-- title: reviews that name neither a known trip nor a known person
-- severity: warning
select
    r.review_id,
    r.kind
from land.reviews as r
left join core.trip_reference as f on r.trip_id = f.trip_ref
left join stage.person_email as e on lower(trim(r.email)) = e.email
left join core.traveller as t on t.identity_key = concat('email:', lower(trim(r.email)))
where f.trip_ref is null and e.email is null and t.identity_key is null
