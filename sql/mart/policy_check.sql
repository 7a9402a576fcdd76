-- Grain: trip that policy judges x requirement that the policy in force names.
-- Rules: C1 (risen instead of a breach), C2 (every result carries its why), S2 (cancelled and personal trips are left
-- out). Of several rules that ask the same of a trip one is quoted (core.policy_case says which).
with trips as (
    select
        trip_key,
        trip_id,
        traveller_key,
        affiliation,
        registered_at,
        departs_at,
        is_international,
        registered_trip_id
    from core.policy_trip
),

rules as (
    select
        rule_number,
        remedy,
        approver
    from reference.policy_rule
),

things as (
    select
        kind,
        case kind
            when 'register' then 'registration'
            when 'itinerary_review' then 'an itinerary review'
            when 'elevated_approval' then 'an elevated approval'
            when 'provost_approval' then 'the provost''s approval'
            when 'waiver' then 'a waiver'
            else 'training'
        end as thing
    from (
        select requirement as kind
        from reference.policy_rule
        union
        select review_kind as kind
        from reference.policy_rule
    ) as named
),

requirements as (
    select
        r.requirement,
        n.thing,
        min(r.policy) as policy
    from reference.policy_rule as r
    inner join things as n on r.requirement = n.kind
    group by r.requirement, n.thing
),

ratings as (
    select
        rating_id,
        concat('rating ', cast(rating_id as varchar), ' of ', provider, ' for ', place_name) as rating_words
    from core.rating_period
),

quoted as (
    select
        trip_key,
        requirement,
        min(preference) as preference
    from core.policy_case
    group by trip_key, requirement
),

worded as (
    select
        t.trip_id,
        t.traveller_key,
        t.affiliation,
        c.*,
        concat(
            case
                when c.decisive_at = t.registered_at and (c.decisive = 'registration' or t.departs_at is null)
                    then 'registration'
                else 'departure'
            end,
            ' (',
            substr(cast(c.decisive_at as varchar), 1, 16), ' UTC)'
        ) as moment_words,
        concat(
            coalesce('level ' || cast(c.decisive_level as varchar), 'no known level'),
            case when c.decisive_evacuation <> 'none' then concat(', evacuation ', c.decisive_evacuation) else '' end,
            ' (', coalesce(d.rating_words, 'no rating'), ')'
        ) as level_words,
        concat(
            coalesce('level ' || cast(c.highest_level as varchar), 'no known level'),
            case when c.highest_evacuation <> 'none' then concat(', evacuation ', c.highest_evacuation) else '' end,
            ' (', coalesce(h.rating_words, 'no rating'), ')'
        ) as highest_words,
        concat(
            concat_ws(
                ', ',
                case
                    when c.highest_level is null then 'no known level'
                    else 'level ' || cast(c.risen_level as varchar)
                end,
                case when c.risen_evacuation <> 'none' then concat('evacuation ', c.risen_evacuation) end
            ),
            ' (', coalesce(h.rating_words, 'no rating'), ')'
        ) as risen_words,
        concat(
            case when c.due_is_departure then 'by ' else 'before ' end,
            coalesce(
                substr(cast(c.due_at as varchar), 1, 16) || ' UTC',
                case when c.days_after_return is null then 'a departure' else 'a last day' end || ' that is not known'
            )
        ) as due_words,
        substr(cast(c.satisfied_at as varchar), 1, 16) as satisfied_words,
        n.thing,
        r.remedy,
        r.approver
    from core.policy_case as c
    inner join quoted as k on c.trip_key = k.trip_key and c.preference = k.preference
    inner join trips as t on c.trip_key = t.trip_key
    inner join rules as r on c.rule_number = r.rule_number
    -- What lifts a prohibition is often another kind of review than the one that the rule speaks of.
    inner join things as n
        on
            case when c.obligation = 'prohibited' then coalesce(c.review_kind, c.requirement) else c.requirement end
            = n.kind
    left join ratings as d on c.has_level_condition and c.rating_id = d.rating_id
    left join ratings as h on c.has_level_condition and c.highest_rating_id = h.rating_id
    where c.status <> 'not_applicable' or c.is_undetermined
),

explained as (
    select
        *,
        concat(
            'Rule ', rule_id,
            case obligation
                when 'required' then ' requires '
                when 'recommended' then ' recommends '
                else ' prohibits the trip without '
            end,
            thing,
            case
                when lead_days = 1 then ' 1 day before departure.'
                when lead_days > 1 then concat(' ', cast(lead_days as varchar), ' days before departure.')
                when days_after_return = 0 then ' by the last day of the trip.'
                when days_after_return = 1 then ' within 1 day of the last day of the trip.'
                when days_after_return > 1
                    then concat(' within ', cast(days_after_return as varchar), ' days of the last day of the trip.')
                else '.'
            end,
            case
                when population_match = 2 then ''
                when affiliation is null
                    then ' The traveller''s affiliation is not known, so the rule may hold for them.'
                else concat(' The policy does not know the affiliation ''', affiliation, ''', so the rule may hold.')
            end
        ) as rule_words,
        case
            when not has_level_condition then ''
            when decisive_match = 2 then concat(' At ', moment_words, ' the trip had ', level_words, '.')
            when decisive_match = 1
                then
                    concat(
                        ' At ', moment_words, ' the level of a destination was not known, which is never read as low; ',
                        'over the trip the highest is ', highest_words, '.'
                    )
            else
                concat(
                    ' At ', moment_words, ' the trip had ', level_words, ', which asks nothing; from ',
                    substr(cast(highest_at as varchar), 1, 16), ' UTC on it has ', risen_words, '.'
                )
        end as why_words,
        case
            when
                satisfied_at is not null and requirement = 'register'
                then concat(' Registered ', satisfied_words, ' UTC')
            when satisfied_at is not null then concat(' Approved ', satisfied_words, ' UTC, review ', review_id)
            when rejected_at is not null
                then
                    concat(
                        ' Rejected ', substr(cast(rejected_at as varchar), 1, 16), ' UTC, review ', review_id,
                        case when is_pending then '; another is pending' else '' end
                    )
            when is_pending then ' A review is pending'
            when lacks_university_email then ' Registered with an address that is not the university''s'
            when requirement = 'register' then ' No registration is known'
            else ' No review is recorded'
        end as evidence_words,
        coalesce(
            remedy,
            case
                when lacks_university_email then 'A registration with the university''s e-mail address.'
                when requirement = 'register' then 'A registration of this trip.'
                else concat('An approved review of kind ', review_kind, coalesce(' by ' || approver, ''), '.')
            end
        ) as remedy_words
    from worded
),

results as (
    select
        trip_key,
        trip_id,
        traveller_key,
        requirement,
        case when status <> 'not_applicable' then obligation end as obligation,
        status,
        case when status <> 'not_applicable' then due_at end as due_at,
        is_due and status <> 'not_applicable' as is_due,
        rule_id,
        case status
            when 'not_applicable'
                then
                    concat(
                        'Rule ', rule_id, ' asks nothing: at ', moment_words, ' the level of a destination was not ',
                        'known, and over the trip the highest is ', highest_words, '.'
                    )
            when 'met'
                then
                    concat(
                        rule_words, why_words, evidence_words,
                        case when decisive_match = 0 then '.' else concat(', due ', due_words, '.') end
                    )
            when 'late'
                then concat(rule_words, why_words, evidence_words, ', but it was due ', due_words, '.')
            when 'risen' then concat(rule_words, why_words, evidence_words, '. Would satisfy it: ', remedy_words)
            else
                concat(
                    rule_words,
                    why_words,
                    evidence_words,
                    '; due ',
                    due_words,
                    '. Would satisfy it: ',
                    remedy_words
                )
        end as reason,
        is_undetermined,
        decisive,
        decisive_at,
        decisive_level,
        highest_level,
        case when has_level_condition then rating_id end as rating_id,
        case when status <> 'not_applicable' then satisfied_at end as satisfied_at
    from explained
),

asking_nothing as (
    select
        t.trip_key,
        t.trip_id,
        t.traveller_key,
        q.requirement,
        cast(null as varchar) as obligation,
        'not_applicable' as status,
        cast(null as timestamp) as due_at,
        false as is_due,
        c.rule_id,
        case
            when t.registered_trip_id is not null
                then
                    concat(
                        'The registry has this journey as trip ', t.registered_trip_id,
                        case
                            when r.trip_id is not null then ', where the policy judges it.'
                            else ', which is personal, so the policy does not judge it.'
                        end
                    )
            when c.rule_id is null
                then
                    concat(
                        'No rule of ', q.policy, ' asks ', q.thing, ' of a trip ',
                        case when t.is_international then 'abroad' else 'at home' end, ' by ',
                        coalesce(t.affiliation, 'a person of unknown affiliation'), ' like this.'
                    )
            else
                concat(
                    'Rule ', c.rule_id, ' asks nothing of a trip at level ',
                    coalesce(cast(c.decisive_level as varchar), 'none'), ' at ', c.decisive, ' and ',
                    coalesce(cast(c.highest_level as varchar), 'none'), ' at most.'
                )
        end as reason,
        false as is_undetermined,
        c.decisive,
        c.decisive_at,
        c.decisive_level,
        c.highest_level,
        case when c.has_level_condition then c.rating_id end as rating_id,
        cast(null as timestamp) as satisfied_at
    from trips as t
    cross join requirements as q
    left join trips as r on t.registered_trip_id = r.trip_id
    left join quoted as k on t.trip_key = k.trip_key and q.requirement = k.requirement
    left join core.policy_case as c on k.trip_key = c.trip_key and k.preference = c.preference
    where c.status is null or (c.status = 'not_applicable' and not c.is_undetermined)
),

united as (
    select * from results
    union all
    select * from asking_nothing
)

select
    u.trip_id,
    p.traveller_id,
    u.requirement,
    u.obligation,
    u.status,
    u.due_at,
    u.is_due,
    u.rule_id,
    u.reason,
    u.is_undetermined,
    u.decisive,
    u.decisive_at,
    u.decisive_level,
    u.highest_level,
    u.rating_id,
    u.satisfied_at
from united as u
inner join core.pseudonym as p on u.traveller_key = p.traveller_key
order by u.trip_key, u.requirement
