-- Grain: observed trip: the words of what the audit finds of it.
-- Rules: A2, A3. The words in braces are those that differ between the office's and a letter's.
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

countries as (
    select
        country_code,
        max(place_name) as country_name
    from core.place
    where place_type = 'country'
    group by country_code
),

parameter as (
    select cast(as_of as date) as as_of_date
    from reference.parameter
),

uncovered as (
    select
        observed_key,
        country_code,
        day_date,
        day_date - cast(
            row_number() over (
                partition by observed_key, country_code
                order by day_date
            ) as integer
        ) as run_date
    from core.audit_day
    where coverage = 'uncovered'
),

uncovered_runs as (
    select
        observed_key,
        country_code,
        min(day_date) as starts_date,
        max(day_date) as ends_date
    from uncovered
    group by observed_key, country_code, run_date
),

left_out as (
    select
        u.observed_key,
        string_agg(
            concat(
                coalesce(c.country_name, u.country_code),
                ', ',
                case
                    when u.starts_date = u.ends_date then ''
                    when year(u.starts_date) = year(u.ends_date) then concat(strftime(u.starts_date, '%-d %B'), ' to ')
                    else concat(strftime(u.starts_date, '%-d %B %Y'), ' to ')
                end,
                strftime(u.ends_date, '%-d %B %Y')
            ),
            '; '
            order by u.starts_date, u.country_code
        ) as uncovered_text
    from uncovered_runs as u
    left join countries as c on u.country_code = c.country_code
    group by u.observed_key
),

registered_place as (
    select
        i.trip_key,
        arg_min(
            coalesce(p.place_name, i.country_code),
            concat(cast(i.starts_date as varchar), ' ', cast(i.place_key as varchar))
        ) as place_name,
        array_to_string(list_sort(list(distinct coalesce(c.country_name, 'an unknown place'))), ' and ')
            as country_names
    from core.registered_interval as i
    inner join places as p on i.place_key = p.place_key
    left join countries as c on i.country_code = c.country_code
    group by i.trip_key
),

worded as (
    select
        o.observed_key,
        concat(
            case
                when o.opening_date >= a.as_of_date  -- today's may lie ahead still
                    then
                        case
                            when o.opening_kind = 'movement' and o.opening_type = 'rail'
                                then '{You} {are} booked on a train to '
                            when o.opening_kind = 'movement' then '{You} {are} booked to fly to '
                            when o.opening_kind = 'lodging' then '{You} {have} a hotel booked in '
                            when o.opening_type = 'expense' then '{You} claimed expenses in '
                            else '{You} {have} a booking in '
                        end
                when o.is_cancelled then '{You} had a booking for '
                when o.opening_kind = 'movement' and o.opening_type = 'rail' then '{You} took the train to '
                when o.opening_kind = 'movement' then '{You} flew to '
                when o.opening_kind = 'lodging' then '{You} had a hotel in '
                when o.opening_type = 'expense' then '{You} claimed expenses in '
                else '{You} had a booking in '
            end,
            p.place_name,
            case when p.place_name <> c.country_name then concat(', ', c.country_name) else '' end,
            ' on ',
            strftime(o.opening_date, '%-d %B %Y'),
            ' (',
            case when t.trip_ref like 'booking:%' then 'booking ' else 'expense report ' end,
            split_part(t.trip_ref, ':', 2),
            case
                when o.ends_date - o.starts_date = 1 then ', 1 night'
                when o.ends_date > o.starts_date
                    then concat(', ', cast(o.ends_date - o.starts_date as varchar), ' nights')
                else ''
            end,
            ')'
        ) as observed_text
    from core.observed_trip as o
    inner join trips as t on o.opening_trip_key = t.trip_key
    inner join places as p on o.opening_place_key = p.place_key
    cross join parameter as a
    left join countries as c on p.country_code = c.country_code
)

select
    o.observed_key,
    case r.audit_status
        when 'cancelled' then concat(w.observed_text, '; it was cancelled.')
        when 'not_required'
            then
                concat(
                    w.observed_text,
                    case
                        when r.status_cause = 'personal_expenses' then '; the expenses are marked as personal.'
                        else concat('; the registry has it as a personal trip (', m.trip_id, ').')
                    end
                )
        when 'undetermined'
            then
                concat(
                    w.observed_text,
                    case r.status_cause
                        when 'person'
                            then '; the roster does not say for certain whose trip it is, so it was not compared.'
                        when 'home_unknown'
                            then '; {your} home country is not known, so it cannot be told what was abroad.'
                        when 'registered_place'
                            then
                                '; the registry has a trip of these dates to a place that could not be recognised.'
                        else '; the place could not be recognised, so it was not compared.'
                    end
                )
        when 'partial'
            then
                concat(
                    w.observed_text,
                    '; the registry has {your} trip ',
                    m.trip_id,
                    ', but not ',
                    l.uncovered_text,
                    '.'
                )
        when 'registered_late'
            then
                concat(
                    w.observed_text,
                    '; the registry has it (',
                    m.trip_id,
                    '), but only since ',
                    strftime(r.registered_at, '%-d %B %Y'),
                    ', after departure.'
                )
        when 'registered' then concat(w.observed_text, '; the registry has it (', m.trip_id, ').')
        else
            concat(
                w.observed_text,
                case r.other_kind
                    when 'same_dates'
                        then
                            concat(
                                '; for these dates the registry has {you} in ',
                                q.country_names,
                                ' instead (',
                                h.trip_id,
                                ').'
                            )
                    when 'cancelled'
                        then concat('; {your} registration of these dates (', h.trip_id, ') was cancelled.')
                    when 'personal'
                        then
                            concat(
                                '; the registry has only {your} personal trip to ',
                                q.place_name,
                                ' from ',
                                strftime(r.other_date, '%-d %B %Y'),
                                ' (',
                                h.trip_id,
                                ').'
                            )
                    when 'nearest'
                        then
                            concat(
                                '; the registry has only {your} trip to ',
                                q.place_name,
                                ' from ',
                                strftime(r.other_date, '%-d %B %Y'),
                                '.'
                            )
                    else '; the registry has no trip of {yours} within 60 days.'
                end
            )
    end as reason
from core.audit_result as r
inner join core.observed_trip as o on r.observed_key = o.observed_key
inner join worded as w on r.observed_key = w.observed_key
left join trips as m on r.registration_key = m.trip_key
left join left_out as l on r.observed_key = l.observed_key
left join trips as h on r.other_key = h.trip_key
left join registered_place as q on r.other_key = q.trip_key
