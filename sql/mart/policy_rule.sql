-- Grain: rule of the policy in force, or version of one.
-- Rules: section 7 (policy is data), C2.
select
    rule_number,
    policy,
    rule_id,
    rule_source,
    affiliations,
    known_affiliations,
    travels_with_students,
    min_group_size,
    max_group_size,
    is_international,
    is_agency_booked,
    conditions_named,
    rule_levels,
    evacuation_statuses,
    requirement,
    obligation,
    lead_days,
    days_after_return,
    approver,
    decisive,
    review_scope,
    review_kind,
    needs_university_email,
    remedy,
    effective_from_at,
    effective_to_at
from reference.policy_rule
order by rule_number
