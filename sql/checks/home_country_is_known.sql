-- title: people of the roster whose home country is no ISO code; all their stays count as abroad (S9)
-- severity: warning
with countries as (
    select distinct country_code
    from reference.gazetteer_place
    where place_type = 'country'
)

select p.person_id
from stage.person as p
left join countries as c on p.home_country_code = c.country_code
where p.home_country_code is not null and c.country_code is null
