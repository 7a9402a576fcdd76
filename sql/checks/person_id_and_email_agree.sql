-- title: travellers whose person id and e-mail address belong to two people of the roster; the id decides (S10)
-- severity: warning
select identity_key
from core.identity
where has_conflict
