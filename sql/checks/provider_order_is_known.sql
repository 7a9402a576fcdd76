-- title: providers in provider_order of which no rating came; a name is to be written as the ratings have it (R2)
-- severity: warning
select provider
from reference.provider_order
where provider not in (select provider from core.provider)
