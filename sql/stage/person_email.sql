-- Grain: person x e-mail address of the roster, lower case.
-- Rules: S10 (any address on the roster resolves a traveller).
with people as (
    select
        person_id,
        email,
        other_emails
    from stage.person
),

listed as (
    select
        person_id,
        email
    from people
    union all
    select
        person_id,
        unnest(other_emails) as email
    from people
)

select distinct
    person_id,
    lower(trim(email)) as email
from listed
where email is not null and trim(email) <> ''
