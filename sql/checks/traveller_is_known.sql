-- title: travellers whom the roster does not know, or whose name several people have; they are listed and counted (S10)
-- severity: warning
select traveller_id
from mart.traveller
where identity_status <> 'matched'
