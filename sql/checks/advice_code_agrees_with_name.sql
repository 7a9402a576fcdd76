-- title: travel advice whose country code means another country than the name beside it; the name counts (R5)
-- severity: warning
with countries as (
    select place_id as code
    from reference.gazetteer_place
    where place_type = 'country'
),

claims as (
    select distinct
        provider,
        place,
        country_hint,
        country_code
    from stage.rating
    where place_type = 'country' and country_code in (select code from countries) and not is_fault
),

matched as (
    select
        m.place_text,
        m.country_hint,
        g.country_code
    from core.place_match as m
    inner join core.place as g on m.place_id = g.place_id
    where m.text_kind = 'rating' and m.region_hint = 'country' and m.place_status <> 'unknown'
)

select
    c.provider,
    c.place,
    c.country_code
from claims as c
inner join matched as m on c.place = m.place_text and c.country_hint is not distinct from m.country_hint
group by c.provider, c.place, c.country_code
having not bool_or(m.country_code = c.country_code)
