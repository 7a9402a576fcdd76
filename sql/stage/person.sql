-- Grain: person of the roster, people who left included.
-- Rules: S9 (home country), S10 (who left stays resolvable).
-- A roster may name a person several times, in one file or in several feeds: the newest record speaks for the person.
-- roster_name says which words are the family name, for core.name_form.
with people as (
    select * from land.people
),

ranked as (
    select
        *,
        row_number() over (
            partition by person_id
            order by case when is_current then 0 else 1 end, received_at desc, file_number desc, record_number desc
        ) as preference
    from people
)

select
    person_id,
    given_name,
    family_name,
    trim(concat_ws(' ', given_name, family_name)) as full_name,
    concat_ws(', ', nullif(trim(family_name), ''), nullif(trim(given_name), '')) as roster_name,
    lower(email) as email,
    other_emails,
    affiliation,
    school,
    department,
    mobile_phone,
    upper(home_country_code) as home_country_code,
    active_from_date,
    active_to_date,
    is_current as is_on_roster
from ranked
where preference = 1
