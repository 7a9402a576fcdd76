-- Grain: trip that policy judges x kind of review x whose (the traveller's own, or anybody's of the group).
-- Rules: C2 (what a requirement was compared with).
select
    t.trip_id,
    r.review_kind,
    r.review_scope,
    r.approved_at,
    r.approved_review_id,
    r.rejected_at,
    r.rejected_review_id,
    r.is_pending
from core.policy_review as r
inner join core.policy_trip as t on r.trip_key = t.trip_key
order by t.trip_key, r.review_kind, r.review_scope
