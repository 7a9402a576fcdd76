-- title: words in a column of countries that name no country; the place beside them is looked up without (P2)
-- severity: warning
select country_text
from stage.country_text
where country_code is null
