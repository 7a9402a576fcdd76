-- title: reviews that name neither a known trip nor a known person
-- severity: warning
-- An address is read as on a trip (S10): out of angle brackets, and without its +tag where the roster does not know it.
with stated as (
    select
        review_id,
        trip_id,
        kind,
        regexp_extract(lower(email), '([^\s<>,;:"]+@[^\s<>,;:"]+)', 1) as email
    from land.reviews
)

select
    r.review_id,
    r.kind
from stated as r
left join core.trip_reference as f on r.trip_id = f.trip_ref
left join stage.person_email as e on r.email = e.email
left join stage.person_email as u on regexp_replace(r.email, '\+[^@]*@', '@') = u.email
left join core.traveller as t on t.identity_key = concat('email:', r.email)
where f.trip_ref is null and e.email is null and u.email is null and t.identity_key is null
