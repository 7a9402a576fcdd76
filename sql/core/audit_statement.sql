-- Grain: observed trip abroad, and registration that no booking and no expense confirms.
-- Rules: A1, A2, A3 (unconfirmed), A4 (audit_id outlives rebuilds; decisions).
-- The reason is told from what the feeds say, of the traveller for the office and to the traveller for a letter.
-- mart.trip_audit puts these rows in order: of ten million trips they cannot be sorted beside the joins in 4 GB.
with trips as (
    select
        trip_key,
        trip_ref,
        trip_id
    from core.trip_reference
),

places as (
    select
        place_key,
        place_name,
        country_code
    from core.place
),

parameter as (
    select cast(as_of as date) as as_of_date
    from reference.parameter
),

united as (
    select
        o.audit_id,
        o.traveller_key,
        o.country_code,
        o.starts_date,
        o.ends_date,
        r.audit_status,
        r.match_score,
        case when r.audit_status in ('registered', 'registered_late', 'partial', 'not_required') then m.trip_id end
            as matched_trip_id,
        r.registered_at,
        case when r.audit_status in ('partial', 'unregistered') then coalesce(r.uncovered_dates, []) else [] end
            as uncovered_dates,
        w.reason,
        o.has_booking,
        o.has_expense,
        o.observed_refs,
        o.segment_keys
    from core.audit_result as r
    inner join core.observed_trip as o on r.observed_key = o.observed_key
    inner join core.audit_reason as w on r.observed_key = w.observed_key
    left join trips as m on r.registration_key = m.trip_key
    union all
    select
        g.audit_id,
        g.traveller_key,
        g.country_code,
        g.starts_date,
        g.ends_date,
        g.audit_status,
        0.0 as match_score,
        g.trip_id as matched_trip_id,
        g.registered_at,
        [] as uncovered_dates,
        concat(
            '{You} registered a trip',
            case when p.place_name is not null then concat(' to ', p.place_name) else '' end,
            case when g.starts_date is not null then concat(' from ', strftime(g.starts_date, '%-d %B %Y')) else '' end,
            ' (',
            g.trip_id,
            ')',
            case
                when g.audit_status = 'cancelled' then '; it was cancelled.'
                when g.status_cause = 'personal' then '; it is a personal trip.'
                when g.status_cause = 'home' then '; it does not leave {your} home country.'
                when g.status_cause = 'person' then '; the roster does not say for certain whose trip it is.'
                when g.status_cause = 'home_unknown'
                    then '; {your} home country is not known, so it cannot be told what was abroad.'
                when g.status_cause = 'same_dates' then '; bookings or expenses of these dates are of another country.'
                when g.status_cause = 'booking_cancelled' then '; the booking for it was cancelled.'
                when g.starts_date > a.as_of_date then '; no booking or expense confirms it yet.'
                else '; no booking or expense confirms it.'
            end
        ) as reason,
        false as has_booking,
        false as has_expense,
        cast([concat('registration:', g.trip_id)] as varchar[]) as observed_refs,
        g.segment_keys
    from core.audit_registration as g
    cross join parameter as a
    left join places as p on g.opening_place_key = p.place_key
)

select
    u.audit_id,
    p.traveller_id,
    u.country_code,
    u.starts_date,
    u.ends_date,
    u.audit_status,
    u.match_score,
    u.matched_trip_id,
    u.registered_at,
    u.uncovered_dates,
    replace(
        replace(
            replace(
                replace(replace(replace(u.reason, '{You}', 'The traveller'), '{are}', 'is'), '{have}', 'has'),
                '{your}', 'their'
            ),
            '{you}', 'them'
        ),
        '{yours}', 'theirs'
    ) as reason,
    replace(
        replace(
            replace(
                replace(replace(replace(u.reason, '{You}', 'You'), '{are}', 'are'), '{have}', 'have'),
                '{your}', 'your'
            ),
            '{you}', 'you'
        ),
        '{yours}', 'yours'
    ) as letter_reason,
    u.has_booking,
    u.has_expense,
    u.observed_refs,
    list_sort(
        list_distinct(
            list_transform(
                u.segment_keys,
                lambda each: concat(
                    substr(f.prefixes[each // 68719476736], 11), cast(each // 64 % 1073741824 as varchar)
                )
            )
        )
    ) as evidence,
    d.decision,
    d.decision_note,
    d.decided_at,
    d.decided_by
from united as u
cross join core.record_prefix as f
inner join core.pseudonym as p on u.traveller_key = p.traveller_key
left join core.audit_decision as d on u.audit_id = d.audit_id
