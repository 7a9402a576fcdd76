-- title: People in each country now, by highest level; a level not known has rows of its own
-- parameters: min_level=1
select
    country_code,
    risk_level,
    rating_status,
    count(distinct traveller_id) as travellers
from mart.current_exposure
where
    presence not in ('transit', 'en_route')
    and (risk_level is null or risk_level >= $min_level::integer)
group by country_code, risk_level, rating_status
order by risk_level desc nulls first, travellers desc, country_code asc
