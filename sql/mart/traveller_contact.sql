-- Grain: person with a name, e-mail address or telephone number.
-- Rules: S10; the role files keep of it what the role may see.
select
    p.traveller_id,
    c.full_name,
    c.email,
    c.mobile_phone
from core.contact as c
inner join core.pseudonym as p on c.traveller_key = p.traveller_key
order by p.traveller_id
