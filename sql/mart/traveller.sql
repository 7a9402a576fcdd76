-- Grain: person: everybody of the roster and everybody a feed names.
-- Rules: S9, S10.
with pseudonyms as (
    select
        traveller_key,
        traveller_id
    from core.pseudonym
),

contacts as (
    select
        traveller_key,
        mobile_phone,
        email
    from core.contact
)

select
    p.traveller_id,
    t.affiliation,
    t.school,
    t.department,
    t.home_country_code,
    t.identity_status,
    t.identity_reason,
    t.is_on_roster,
    c.mobile_phone is not null as has_phone,
    c.email is not null as has_email
from core.traveller as t
inner join pseudonyms as p on t.traveller_key = p.traveller_key
left join contacts as c on t.traveller_key = c.traveller_key
order by p.traveller_id
