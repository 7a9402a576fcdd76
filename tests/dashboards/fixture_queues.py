"""The audit's and the policy's findings of the small generation: each status, to come, now and past, hostile words."""

from __future__ import annotations

from datetime import datetime

import duckdb

SCHEMA = """
create table mart.trip_audit (audit_id varchar, traveller_id varchar, country_code varchar, starts_date date,
    ends_date date, audit_status varchar, match_score double, matched_trip_id varchar, registered_at timestamp,
    uncovered_dates date[], reason varchar, letter_reason varchar, has_booking boolean, has_expense boolean,
    observed_refs varchar[], evidence varchar[], decision varchar, decision_note varchar,
    decided_at timestamp, decided_by varchar);
create table mart.audit_estimate (first_source varchar, second_source varchar, unseen_estimate double,
    unseen_estimate_low double, unseen_estimate_high double, both_count bigint, assumptions varchar);
create table mart.policy_check (trip_id varchar, traveller_id varchar, requirement varchar, obligation varchar,
    status varchar, due_at timestamp, is_due boolean, rule_id varchar, reason varchar, is_undetermined boolean,
    decisive varchar, decisive_at timestamp, decisive_level integer, highest_level integer, rating_id bigint,
    satisfied_at timestamp);
create table mart.policy_trip (trip_id varchar, traveller_id varchar, departs_at timestamp, departs_date date,
    group_id varchar);
create table mart.policy_rule (rule_id varchar, policy varchar, rule_source varchar);
create table mart.policy_decision (trip_id varchar, traveller_id varchar, requirement varchar, decision varchar,
    decision_note varchar, decided_at timestamp, decided_by varchar);
create table mart.exposure_change_by_week (week_start_date date, risk_level integer, cause varchar,
    person_days_change double);
"""

UNREGISTERED = 12


def fill(con: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
    """Findings of the first people of the generation."""
    con.execute(
        f"""
        insert into mart.trip_audit by name
        select
            'a_' || lpad(n::varchar, 3, '0') as audit_id, 't_' || printf('%016x', n::bigint) as traveller_id,
            if(n % 2 = 0, 'UA', 'KE') as country_code,
            (timestamp '{as_of}' + (n - 6) * interval 5 day)::date as starts_date,
            (timestamp '{as_of}' + (n - 6) * interval 5 day + interval 2 day)::date as ends_date,
            case when n < {UNREGISTERED} then 'unregistered' when n = 12 then 'partial' when n = 13
                then 'registered_late' when n = 14 then 'undetermined' else 'registered' end as audit_status,
            0.0 as match_score, if(n >= 12, 'TR-' || n, null) as matched_trip_id,
            if(n = 3, 'The traveller flew to <script>alert(1)</script> =cmd() on some day (booking <b>X</b>).',
                'The traveller flew to a place (booking BK' || n || ', 2 nights); the registry has no trip of theirs.'
            ) as reason,
            replace(replace(reason, 'The traveller', 'You'), 'theirs', 'yours') as letter_reason,
            true as has_booking, false as has_expense,
            ['booking:BK' || n || ':2026-10-01', if(n = 5, 'expense:=ER5', 'expense:ER' || n)] as observed_refs,
            ['bookings:cd:' || n] as evidence,
            if(n = 15, 'dismissed', null) as decision, if(n = 15, 'old note', null) as decision_note,
            if(n = 15, timestamp '2026-11-01', null) as decided_at, if(n = 15, 'dora', null) as decided_by
        from range(16) as numbers(n);
        insert into mart.audit_estimate values ('registrations', 'bookings or expenses', 86.2, 68, 109, 40,
            'Assumes that feeds see trips independently.');
        insert into mart.policy_trip by name
        select trip_id, traveller_id, departs_at, departs_at::date as departs_date, if(n = 1, 'G<i>1</i>', null) as
            group_id
        from (
            select *, 'trip' || n as trip_id, 't_' || printf('%016x', n::bigint) as traveller_id,
                timestamp '{as_of}' + (n - 4) * interval 3 day as departs_at
            from range(10) as numbers(n)
        );
        insert into mart.policy_check by name
        select
            trip_id, traveller_id, if(n % 2 = 0, 'register', 'elevated_approval') as requirement,
            if(n = 7, 'recommended', 'required') as obligation,
            ['missing', 'late', 'rejected', 'risen', 'missing', 'missing', 'missing', 'missing', 'met',
                'not_applicable'][n + 1] as status,
            departs_at - interval 30 day as due_at, true as is_due, 'rule-' || (n % 2) as rule_id,
            if(n = 3, 'Rule <script>alert(2)</script> asks.', 'Rule rule-' || (n % 2) || ' requires it.') as reason,
            n = 6 as is_undetermined, if(n = 6, null, 1 + n % 5) as highest_level
        from (select *, substr(trip_id, 5)::integer as n from mart.policy_trip);
        insert into mart.policy_rule values ('rule-0', 'columbia', 'Everybody <b>registers</b>.');
        insert into mart.policy_decision values
            ('trip4', 't_0000000000000004', 'register', 'waived', 'old note', timestamp '2026-11-01', 'dora');
        insert into mart.exposure_change_by_week by name
        select (date_trunc('week', timestamp '{as_of}') - interval 7 day)::date as week_start_date, risk_level, cause,
            person_days_change
        from (values
            (5, 'late', 2.5), (5, 'cancelled_or_changed', -1.0), (5, 'new', 3.0), (5, 'ended', -0.5),
            (5, 're_rated', 1.0), (4, 'late', 0.0), (4, 'cancelled_or_changed', 0.0), (4, 'new', 4.0),
            (4, 'ended', -2.0), (4, 're_rated', -1.0), (null, 'late', 0.25), (null, 'cancelled_or_changed', 0.0),
            (null, 'new', 0.0), (null, 'ended', 0.0), (null, 're_rated', 0.0)
        ) as parts(risk_level, cause, person_days_change);
        """
    )
