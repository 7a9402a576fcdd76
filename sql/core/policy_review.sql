-- Grain: trip that policy judges x kind of review x whose (the traveller's own, or anybody's of the group).
-- Rules: section 7 (waivers and approvals). A review belongs to the trip that it names; of a trip of several travellers
-- only to the one whose address it carries, if it carries one of theirs. Without a trip it belongs to the first trip of
-- the traveller that is not over when it is decided. An address is read as on a trip (S10): out of angle brackets, and
-- without its +tag where nobody has it with the tag. What belongs to a trip that a registration covers is said of that
-- registration, where the policy asks; a journey that is known as personal is asked nothing, and no review finds it by
-- time.
-- approved_at is the first approval after the last rejection; an approval without a date counts from its receipt.
with stated as (
    select
        review_id,
        trip_id,
        nullif(regexp_extract(lower(email), '([^\s<>,;:"]+@[^\s<>,;:"]+)', 1), '') as email,
        kind,
        coalesce(outcome, 'pending') as outcome,
        coalesce(decided_at, received_at) as decided_at
    from land.reviews
),

trips as (
    select
        trip_key,
        traveller_key,
        group_id,
        departs_at,
        coalesce(ends_at, departs_at) as ends_at,
        coalesce(registered_trip_key, trip_key) as judged_trip_key,
        registered_trip_key is null and registered_trip_id is not null as is_personal
    from core.policy_person
),

travellers as (
    select
        traveller_key,
        person_id,
        identity_key
    from core.traveller
),

known_addresses as (
    select
        e.email,
        t.traveller_key
    from stage.person_email as e
    inner join travellers as t on e.person_id = t.person_id
    union all
    select
        substr(identity_key, 7) as email,
        traveller_key
    from travellers
    where identity_key like 'email:%'
),

known as (
    select distinct email
    from known_addresses
),

roster as (
    select distinct email
    from stage.person_email
),

reviews as (
    select
        s.review_id,
        s.trip_id,
        coalesce(k.email, u.email) as email,
        s.kind,
        s.outcome,
        s.decided_at
    from stated as s
    left join known as k on s.email = k.email
    left join roster as u on regexp_replace(s.email, '\+[^@]*@', '@') = u.email
),

addresses as (
    select
        email,
        min(traveller_key) as traveller_key
    from known_addresses
    group by email
    having count(distinct traveller_key) = 1
),

named as (
    select distinct
        r.review_id,
        l.main_trip_key as trip_key,
        coalesce(a.traveller_key = f.traveller_key, false) as is_own
    from reviews as r
    inner join core.trip_reference as f on r.trip_id = f.trip_ref
    inner join core.trip_link as l on f.trip_key = l.trip_key
    left join addresses as a on r.email = a.email
),

narrowed as (
    select
        review_id,
        trip_key,
        is_own,
        bool_or(is_own) over (partition by review_id) as has_own
    from named
),

by_time as (
    select
        r.review_id,
        t.trip_key,
        row_number() over (partition by r.review_id order by t.departs_at, t.trip_key) as trip_rank
    from reviews as r
    inner join addresses as a on r.email = a.email
    inner join trips as t on a.traveller_key = t.traveller_key and t.ends_at > r.decided_at and not t.is_personal
    anti join named as n on r.review_id = n.review_id
),

placed as (
    select
        review_id,
        trip_key
    from narrowed
    where is_own or not has_own
    union all
    select
        review_id,
        trip_key
    from by_time
    where trip_rank = 1
),

judged as (
    select distinct
        p.review_id,
        t.judged_trip_key as trip_key
    from placed as p
    inner join trips as t on p.trip_key = t.trip_key
),

told as (
    select
        t.trip_key,
        t.group_id,
        r.*
    from judged as j
    inner join reviews as r on j.review_id = r.review_id
    inner join trips as t on j.trip_key = t.trip_key
),

counted as (
    select
        trip_key,
        'traveller' as review_scope,
        review_id,
        kind,
        outcome,
        decided_at
    from told
    union all
    select
        t.trip_key,
        'group' as review_scope,
        o.review_id,
        o.kind,
        o.outcome,
        o.decided_at
    from trips as t
    inner join told as o on t.group_id = o.group_id
),

last_rejected as (
    select
        *,
        max(case when outcome = 'rejected' then decided_at end) over (partition by trip_key, review_scope, kind)
            as rejected_at
    from counted
),

decided as (
    select
        trip_key,
        kind as review_kind,
        review_scope,
        min(
            case
                when outcome = 'approved' and (rejected_at is null or decided_at > rejected_at)
                    then struct_pack(decided_at := decided_at, review_id := review_id)
            end
        ) as approval,
        max(case when outcome = 'rejected' then struct_pack(decided_at := decided_at, review_id := review_id) end)
            as rejection,
        bool_or(outcome = 'pending') as is_pending
    from last_rejected
    group by trip_key, kind, review_scope
)

select
    trip_key,
    review_kind,
    review_scope,
    struct_extract(approval, 'decided_at') as approved_at,
    struct_extract(approval, 'review_id') as approved_review_id,
    struct_extract(rejection, 'decided_at') as rejected_at,
    struct_extract(rejection, 'review_id') as rejected_review_id,
    is_pending
from decided
