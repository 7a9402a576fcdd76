-- Grain: observed trip abroad, and registration that no booking and no expense confirms.
-- Rules: A1, A2, A3, A4, as core.audit_statement tells; here in the order in which the audit is read, newest first.
select
    audit_id,
    traveller_id,
    country_code,
    starts_date,
    ends_date,
    audit_status,
    match_score,
    matched_trip_id,
    registered_at,
    uncovered_dates,
    reason,
    letter_reason,
    has_booking,
    has_expense,
    observed_refs,
    evidence,
    decision,
    decision_note,
    decided_at,
    decided_by
from core.audit_statement
order by starts_date desc, audit_id asc
