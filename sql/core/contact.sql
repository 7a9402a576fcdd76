-- Grain: person with a name, e-mail address or telephone number, unknown people included.
-- Rules: S10. The roster's word comes first; what a trip says (the newest segment) fills the gaps.
with travellers as (
    select
        traveller_key,
        identity_key,
        person_id
    from core.traveller
),

people as (
    select
        person_id,
        full_name,
        email,
        mobile_phone
    from stage.person
),

named as (
    select
        t.traveller_key,
        max_by(s.traveller_name, s.segment_key) as traveller_name,
        max_by(s.email, s.segment_key) as email,
        max_by(s.phone, s.segment_key) as phone
    from stage.segment as s
    inner join core.identity as i on s.identity_text = i.identity_text
    inner join travellers as t on i.identity_key = t.identity_key
    group by t.traveller_key
),

united as (
    select
        t.traveller_key,
        coalesce(nullif(p.full_name, ''), n.traveller_name) as full_name,
        coalesce(p.email, n.email) as email,
        coalesce(p.mobile_phone, n.phone) as mobile_phone
    from travellers as t
    left join people as p on t.person_id = p.person_id
    left join named as n on t.traveller_key = n.traveller_key
)

select
    traveller_key,
    full_name,
    email,
    mobile_phone
from united
where full_name is not null or email is not null or mobile_phone is not null
