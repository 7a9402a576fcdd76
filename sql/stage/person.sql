-- Grain: person of the roster, people who left included.
-- Rules: S9 (home country), S10 (who left stays resolvable; any address on the roster).
-- A roster may name a person several times, in one file or in several feeds (a row for each affiliation): the newest
-- record speaks for the person. Address and telephone number that it lacks, and all others, come from the other rows in
-- force, or for who left from all that is known: an address that the roster gives leads to its person.
-- A home country that is none stays as it is written, for a check to find.
-- roster_name says which words are the family name, for core.name_form.
with ranked as (
    select
        *,
        bool_or(is_current) over (partition by person_id) as is_on_roster,
        row_number() over (
            partition by person_id
            order by case when is_current then 0 else 1 end, received_at desc, file_number desc, record_number desc
        ) as preference
    from land.people
),

-- Most people have one row, so only the others are looked at again.
several as (
    select r.*
    from ranked as r
    inner join ranked as s on r.person_id = s.person_id and s.preference = 2 and s.is_current = s.is_on_roster
    where r.is_current = r.is_on_roster
),

reached as (
    select
        person_id,
        min_by(lower(email), preference) filter (where email is not null) as email,
        min_by(mobile_phone, preference) filter (where mobile_phone is not null) as mobile_phone
    from several
    group by person_id
),

addresses as (
    select
        person_id,
        lower(email) as email
    from several
    where email is not null
    union
    select
        person_id,
        lower(unnest(other_emails)) as email
    from several
),

other_addresses as (
    select
        a.person_id,
        list_sort(list(a.email)) as other_emails
    from addresses as a
    inner join reached as r on a.person_id = r.person_id
    where a.email <> r.email
    group by a.person_id
),

phones as (
    select distinct
        s.person_id,
        s.mobile_phone
    from several as s
    inner join reached as r on s.person_id = r.person_id
    where s.mobile_phone <> r.mobile_phone
),

other_phones as (
    select
        person_id,
        list_sort(list(mobile_phone)) as other_phones
    from phones
    group by person_id
)

select
    p.person_id,
    p.given_name,
    p.family_name,
    trim(concat_ws(' ', p.given_name, p.family_name)) as full_name,
    concat_ws(', ', nullif(trim(p.family_name), ''), nullif(trim(p.given_name), '')) as roster_name,
    coalesce(lower(p.email), r.email) as email,
    coalesce(a.other_emails, p.other_emails) as other_emails,
    p.affiliation,
    p.school,
    p.department,
    coalesce(p.mobile_phone, r.mobile_phone) as mobile_phone,
    o.other_phones,
    coalesce(c.country_code, upper(p.home_country_code)) as home_country_code,
    p.active_from_date,
    p.active_to_date,
    p.is_on_roster
from ranked as p
left join reached as r on p.person_id = r.person_id
left join other_addresses as a on p.person_id = a.person_id
left join other_phones as o on p.person_id = o.person_id
left join stage.country_text as c on p.home_country_code = c.country_text
where p.preference = 1
