-- title: stays where the evidence leaves open between which places the traveller is (S5)
-- severity: warning
select stay_id
from core.stay_piece
where candidate_count > 1
