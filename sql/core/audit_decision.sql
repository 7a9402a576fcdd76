-- Grain: finding of the audit that a person has decided on or written a note to.
-- Rules: A4 (a decision survives rebuilds and follows the trip). A decision belongs to the finding of its id; where
-- that is gone, to the one that shares a booking or report with it, else to the one of the same traveller and country
-- in the same days, as when a trip was booked anew under another locator.
with findings as (
    select
        p.traveller_id,
        o.audit_id,
        o.is_cancelled,
        o.country_code,
        o.starts_date,
        o.ends_date,
        o.observed_refs
    from core.observed_trip as o
    inner join core.pseudonym as p on o.traveller_key = p.traveller_key
    union all
    select
        p.traveller_id,
        r.audit_id,
        r.audit_status = 'cancelled' as is_cancelled,
        r.country_code,
        r.starts_date,
        r.ends_date,
        cast([concat('registration:', r.trip_id)] as varchar[]) as observed_refs
    from core.audit_registration as r
    inner join core.pseudonym as p on r.traveller_key = p.traveller_key
),

exact as (
    select
        d.decision_number,
        f.audit_id
    from reference.decision as d
    inner join findings as f on d.audit_id = f.audit_id
),

homeless as (
    select d.*
    from reference.decision as d
    anti join exact as e on d.decision_number = e.decision_number
),

candidates as (
    select
        h.decision_number,
        f.audit_id,
        row_number() over (
            partition by h.decision_number
            order by
                f.is_cancelled asc,
                list_has_any(h.observed_refs, f.observed_refs) desc,
                abs(f.starts_date - h.starts_date) asc,
                f.audit_id asc
        ) as choice
    from homeless as h
    inner join findings as f on h.traveller_id = f.traveller_id
    where
        list_has_any(h.observed_refs, f.observed_refs)
        or (
            h.country_code = f.country_code
            and h.starts_date <= f.ends_date + 3 and f.starts_date <= h.ends_date + 3
        )
),

placed as (
    select
        decision_number,
        audit_id
    from exact
    union all
    select
        decision_number,
        audit_id
    from candidates
    where choice = 1
),

newest as (
    select
        p.audit_id,
        max(case when d.decision <> 'note' then d.decision_number end) as decision_number,
        max(case when d.note is not null then d.decision_number end) as note_number
    from placed as p
    inner join reference.decision as d on p.decision_number = d.decision_number
    group by p.audit_id
)

select
    n.audit_id,
    d.decision,
    coalesce(d.decided_at, w.decided_at) as decided_at,
    coalesce(d.decided_by, w.decided_by) as decided_by,
    w.note as decision_note
from newest as n
left join reference.decision as d on n.decision_number = d.decision_number
left join reference.decision as w on n.note_number = w.decision_number
