-- Grain: trip x requirement that a person has decided on or written a note to.
-- Rules: A4 (a decision survives rebuilds and follows the trip), C2. A decision belongs to the trip of its id; where
-- that is gone, as when a booking was registered since or issued anew, to the trip of the same traveller that departs
-- nearest to the day it was made for, within 3 days.
with trips as (
    select
        t.trip_id,
        p.traveller_id,
        t.departs_date
    from core.policy_trip as t
    inner join core.pseudonym as p on t.traveller_key = p.traveller_key
),

exact as (
    select
        d.decision_number,
        t.trip_id
    from reference.policy_decision as d
    inner join trips as t on d.trip_id = t.trip_id
),

homeless as (
    select d.*
    from reference.policy_decision as d
    anti join exact as e on d.decision_number = e.decision_number
),

candidates as (
    select
        h.decision_number,
        t.trip_id,
        row_number() over (
            partition by h.decision_number
            order by
                abs(t.departs_date - h.departs_date) asc,
                t.trip_id asc
        ) as choice
    from homeless as h
    inner join trips as t on h.traveller_id = t.traveller_id
    where t.departs_date between h.departs_date - 3 and h.departs_date + 3
),

placed as (
    select
        decision_number,
        trip_id
    from exact
    union all
    select
        decision_number,
        trip_id
    from candidates
    where choice = 1
),

newest as (
    select
        p.trip_id,
        d.requirement,
        max(case when d.decision <> 'note' then d.decision_number end) as decision_number,
        max(case when d.note is not null then d.decision_number end) as note_number
    from placed as p
    inner join reference.policy_decision as d on p.decision_number = d.decision_number
    group by p.trip_id, d.requirement
)

select
    n.trip_id,
    t.traveller_id,
    n.requirement,
    d.decision,
    w.note as decision_note,
    coalesce(d.decided_at, w.decided_at) as decided_at,
    coalesce(d.decided_by, w.decided_by) as decided_by
from newest as n
inner join trips as t on n.trip_id = t.trip_id
left join reference.policy_decision as d on n.decision_number = d.decision_number
left join reference.policy_decision as w on n.note_number = w.decision_number
order by n.trip_id, n.requirement
