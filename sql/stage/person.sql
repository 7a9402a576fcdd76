-- Grain: person of the roster, people who left included.
-- Rules: S9 (home country), S10 (who left stays resolvable).
-- A roster may name a person several times, in one file or in several feeds: the newest record speaks for the person.
-- name_key holds the words of the full name in alphabetical order, so that "FAMILY/GIVEN" and "Given Family" agree.
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
    array_to_string(
        list_sort(
            string_split(
                trim(
                    regexp_replace(
                        lower(strip_accents(concat_ws(' ', given_name, family_name))), '[^a-z0-9]+', ' ', 'g'
                    )
                ),
                ' '
            )
        ),
        ' '
    ) as name_key,
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
