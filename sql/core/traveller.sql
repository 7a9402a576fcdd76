-- Grain: person: everybody of the roster, and everybody whom a feed names and the roster does not.
-- Rules: S9 (blank home means the office's country, unknown people have none), S10 (unknown people are still people;
-- who left the roster, or is on it with a last day before as_of, stays known).
-- traveller_key is dense and follows identity_key, so that it is the same for the same landed files.
-- identity_reason lists every way in which feeds led to the person.
with identity as (
    select distinct
        identity_key,
        identity_status,
        identity_reason
    from core.identity
),

parameter as (
    select
        as_of,
        office_country_code
    from reference.parameter
),

told as (
    select
        identity_key,
        min(identity_status) as identity_status,
        array_to_string(list_sort(list(distinct identity_reason)), '; ') as identity_reason
    from identity
    group by identity_key
),

one_each as (
    select
        identity_key,
        identity_status,
        identity_reason
    from told
    union all
    select
        concat('person:', p.person_id) as identity_key,
        'matched' as identity_status,
        'on the roster; no feed names the person' as identity_reason
    from stage.person as p
    left join told as t on t.identity_key = concat('person:', p.person_id)
    where t.identity_key is null
)

select
    cast(row_number() over (order by o.identity_key) as integer) as traveller_key,
    o.identity_key,
    o.identity_status,
    o.identity_reason,
    p.person_id,
    p.affiliation,
    p.school,
    p.department,
    case when o.identity_status = 'matched' then coalesce(p.home_country_code, s.office_country_code) end
        as home_country_code,
    coalesce(p.is_on_roster and coalesce(p.active_to_date >= cast(s.as_of as date), true), false) as is_on_roster
from one_each as o
left join stage.person as p on o.identity_key = concat('person:', p.person_id)
cross join parameter as s
