-- Grain: person of the roster, people who left included.
-- Rules: S9 (home country), S10 (who left stays resolvable).
-- name_key holds the words of the full name in alphabetical order, so that "FAMILY/GIVEN" and "Given Family" agree.
with people as (
    select * from land.people
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
from people
