-- Grain: person of the roster, people who left included.
-- Rules: S9 (home country), S10 (who left stays resolvable).
-- A roster may name a person several times, in one file or in several feeds: the newest record speaks for the person.
-- A home country that is none stays as it is written, for a check to find.
-- roster_name says which words are the family name, for core.name_form.
with people as (
    select * from land.people
),

country as (
    select * from stage.country_text
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
    r.person_id,
    r.given_name,
    r.family_name,
    trim(concat_ws(' ', r.given_name, r.family_name)) as full_name,
    concat_ws(', ', nullif(trim(r.family_name), ''), nullif(trim(r.given_name), '')) as roster_name,
    lower(r.email) as email,
    r.other_emails,
    r.affiliation,
    r.school,
    r.department,
    r.mobile_phone,
    coalesce(c.country_code, upper(r.home_country_code)) as home_country_code,
    r.active_from_date,
    r.active_to_date,
    r.is_current as is_on_roster
from ranked as r
left join country as c on r.home_country_code = c.country_text
where r.preference = 1
