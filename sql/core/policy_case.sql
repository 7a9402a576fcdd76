-- Grain: trip that policy judges x rule that speaks of it, or may. A journey that the registry has as another trip is
-- judged there, and no rule speaks of it here.
-- Rules: section 7, C1 (judged by the rating in force at the instant that the rule names; one that rose later makes a
-- risen finding), R4 (what is not known is never read as harmless: the rule then counts, and is_undetermined says so).
-- Populations and triggers are 2 yes, 1 not known, 0 no. due_at is an instant of departure, after which it is too late
-- (A2), or the end of a local day, which is half-open: only what happens before it is in time. Whole days are counted
-- in the local calendar of the departure: some days before the departure, or after the trip's last day, in the office's
-- calendar, for what may be done afterwards. What rose later is told as of highest_at, when what calls for the rule
-- first held, be it the level or the evacuation status.
-- Of several rules that ask the same of a trip the one with the least preference is quoted: one that asks something;
-- of what is binding what is not met, so that nothing met hides it; the stricter obligation, but a prohibition that is
-- lifted asks no more and comes last; the worse result; what is due already, then what is due first; a certain one
-- before one that only may hold, which else counts as if it held; the narrower rule, the longer lead.
with parameter as (
    select
        as_of,
        office_timezone
    from reference.parameter
),

lead_times as (
    select distinct
        days_after_return is not null as is_after_return,
        coalesce(days_after_return, -lead_days) as day_offset
    from reference.policy_rule
),

counted_days as (
    select distinct
        departs_timezone as timezone,
        departs_date as counted_date,
        false as is_after_return
    from core.policy_trip
    where departs_date is not null
    union all
    select distinct
        p.office_timezone as timezone,
        t.returns_date as counted_date,
        true as is_after_return
    from core.policy_trip as t
    cross join parameter as p
    where t.returns_date is not null
),

last_days as (
    select
        d.timezone,
        d.counted_date,
        d.is_after_return,
        l.day_offset,
        cast(d.counted_date as timestamp) + to_days(1 + l.day_offset) as ends_local
    from counted_days as d
    inner join lead_times as l on d.is_after_return = l.is_after_return
),

deadlines as (
    select
        d.timezone,
        d.counted_date,
        d.is_after_return,
        d.day_offset,
        d.ends_local - to_seconds(coalesce(z.utc_offset_seconds, 0)) as day_ends_at
    from last_days as d
    left join reference.zone_transition as z
        on
            d.timezone = z.timezone and year(d.ends_local) = z.local_year
            and d.ends_local >= z.local_starts and d.ends_local < z.local_ends
),

paired as (
    select
        t.*,
        r.rule_number,
        r.rule_id,
        r.policy,
        r.requirement,
        r.obligation,
        r.lead_days,
        r.days_after_return,
        coalesce(r.lead_days = 0 and r.days_after_return is null and t.departs_has_time, false) as due_is_departure,
        case when r.days_after_return is null then t.departs_timezone else p.office_timezone end as due_timezone,
        r.decisive,
        r.rule_levels,
        r.evacuation_statuses,
        r.conditions_named,
        r.review_kind,
        r.review_scope,
        r.needs_university_email,
        r.effective_from_at,
        r.effective_to_at,
        case
            when len(r.affiliations) = 0 then 2
            when t.affiliation is null or not list_contains(r.known_affiliations, t.affiliation) then 1
            when list_contains(r.affiliations, t.affiliation) then 2
            else 0
        end as population_match,
        case
            when r.decisive = 'departure' then t.departure_judged_at
            else t.registration_judged_at
        end as decisive_at,
        case when r.decisive = 'departure' then t.departure_level else t.registration_level end as decisive_level,
        case when r.decisive = 'departure' then t.departure_evacuation else t.registration_evacuation end
            as decisive_evacuation,
        case when r.decisive = 'departure' then t.departure_has_unknown else t.registration_has_unknown end
            as decisive_has_unknown,
        case when r.decisive = 'departure' then t.departure_rating_id else t.registration_rating_id end
            as decisive_rating_id,
        case
            when r.decisive = 'departure' then t.departure_evacuation_rating_id
            else t.registration_evacuation_rating_id
        end as decisive_evacuation_rating_id
    from core.policy_trip as t
    cross join parameter as p
    inner join reference.policy_rule as r
        on
            coalesce(r.is_international = t.is_international, true)
            and coalesce(r.travels_with_students = t.travels_with_students, true)
            and coalesce(r.is_agency_booked = t.is_agency_booked, true)
            and (r.min_group_size is null or t.group_size >= r.min_group_size)
            and (r.max_group_size is null or t.group_size <= r.max_group_size)
    where t.registered_trip_id is null
),

triggered as (
    select
        *,
        case
            when len(rule_levels) + len(evacuation_statuses) = 0 then 2
            when coalesce(list_contains(rule_levels, decisive_level), false) then 2
            when coalesce(list_contains(evacuation_statuses, decisive_evacuation), false) then 2
            when decisive_has_unknown then 1
            else 0
        end as decisive_match,
        case
            when len(rule_levels) + len(evacuation_statuses) = 0 then 2
            when coalesce(list_contains(rule_levels, highest_level), false) then 2
            when coalesce(list_contains(evacuation_statuses, highest_evacuation), false) then 2
            when highest_has_unknown then 1
            else 0
        end as highest_match,
        coalesce(list_contains(evacuation_statuses, highest_evacuation), false)
        and not coalesce(list_contains(rule_levels, highest_level) and highest_at <= highest_evacuation_at, false)
            as is_highest_by_evacuation
    from paired
    where
        population_match > 0
        and decisive_at >= coalesce(effective_from_at, decisive_at)
        and (effective_to_at is null or decisive_at < effective_to_at)
),

answered as (
    select
        t.*,
        case when t.due_is_departure then t.departs_at else d.day_ends_at end as due_at,
        case when t.is_highest_by_evacuation then t.highest_evacuation_at else t.highest_at end as risen_at,
        case
            when t.requirement = 'register' and (t.has_university_email or not t.needs_university_email)
                then t.registered_at
            when t.requirement <> 'register'
                then coalesce(o.approved_at, case when o.rejected_at is null then g.approved_at end)
        end as satisfied_at,
        coalesce(
            o.approved_review_id, case when o.rejected_at is null then g.approved_review_id end, o.rejected_review_id,
            g.rejected_review_id
        ) as review_id,
        coalesce(o.rejected_at, g.rejected_at) as rejected_at,
        coalesce(o.is_pending, false) or coalesce(g.is_pending, false) as is_pending
    from triggered as t
    left join deadlines as d
        on
            t.due_timezone = d.timezone
            and case when t.days_after_return is null then t.departs_date else t.returns_date end = d.counted_date
            and (t.days_after_return is not null) = d.is_after_return
            and coalesce(t.days_after_return, -t.lead_days) = d.day_offset
    left join core.policy_review as o
        on t.trip_key = o.trip_key and t.review_kind = o.review_kind and o.review_scope = 'traveller'
    left join core.policy_review as g
        on
            t.trip_key = g.trip_key and t.review_kind = g.review_kind and g.review_scope = 'group'
            and t.review_scope = 'group'
),

judged as (
    select
        a.trip_key,
        a.rule_number,
        a.policy,
        a.rule_id,
        a.requirement,
        a.obligation,
        case
            when a.decisive_match + a.highest_match = 0 or (a.decisive_match = 1 and a.highest_match = 0)
                then 'not_applicable'
            when a.decisive_match = 0 and a.satisfied_at is not null then 'met'
            when a.decisive_match = 0 then 'risen'
            when a.due_is_departure and a.satisfied_at > a.due_at then 'late'
            when not a.due_is_departure and a.satisfied_at >= a.due_at then 'late'
            when a.satisfied_at is not null then 'met'
            when a.rejected_at is not null then 'rejected'
            else 'missing'
        end as status,
        a.population_match = 1
        or a.decisive_match = 1
        or (a.decisive_match = 0 and a.highest_match = 1) as is_undetermined,
        a.due_at,
        a.due_is_departure,
        coalesce(a.due_at <= p.as_of, false) as is_due,
        a.decisive,
        a.decisive_at,
        a.decisive_level,
        a.decisive_evacuation,
        a.decisive_has_unknown,
        case
            when
                coalesce(list_contains(a.rule_levels, a.decisive_level), false)
                or a.decisive_evacuation_rating_id is null
                then a.decisive_rating_id
            else a.decisive_evacuation_rating_id
        end as rating_id,
        a.decisive_match,
        a.population_match,
        a.risen_at as highest_at,
        a.highest_level,
        a.highest_evacuation,
        case when a.highest_at <= a.risen_at then a.highest_level end as risen_level,
        case when a.highest_evacuation_at <= a.risen_at then a.highest_evacuation end as risen_evacuation,
        case
            when a.is_highest_by_evacuation and a.highest_evacuation_rating_id is not null
                then a.highest_evacuation_rating_id
            else a.highest_rating_id
        end as highest_rating_id,
        len(a.rule_levels) + len(a.evacuation_statuses) > 0 as has_level_condition,
        a.conditions_named,
        a.lead_days,
        a.days_after_return,
        a.satisfied_at,
        a.rejected_at,
        a.review_kind,
        a.review_id,
        a.is_pending,
        a.needs_university_email and a.is_registered and not a.has_university_email as lacks_university_email
    from answered as a
    cross join parameter as p
)

select
    *,
    (
        (
            (
                (
                    case
                        when status = 'not_applicable'
                            then 4 + case obligation when 'prohibited' then 1 when 'required' then 2 else 3 end
                        when obligation = 'prohibited' then case when status = 'met' then 4 else 0 end
                        when obligation = 'recommended' then 3
                        when status = 'met' then 2
                        else 1
                    end * 10
                    + case status
                        when 'rejected' then 1 when 'missing' then 2 when 'late' then 3 when 'risen' then 4 else 5
                    end
                ) * 1000
                + case
                    when is_due or status in ('met', 'not_applicable') then 0
                    else 500 - lead_days + coalesce(days_after_return, 0)
                end
            ) * 10 + cast(is_undetermined as bigint)
        ) * 10 + 9 - conditions_named
    ) * 1000000 + (500 - lead_days + coalesce(days_after_return, 0)) * 1000 + rule_number as preference
from judged
