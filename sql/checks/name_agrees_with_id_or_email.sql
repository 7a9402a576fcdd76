-- title: travellers whose name is another than that of whom their person id or e-mail address means; those decide (S10)
-- severity: warning
select identity_key
from core.identity
where has_other_name
