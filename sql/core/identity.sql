-- Grain: distinct way in which a feed names a traveller (identity_text).
-- Rules: S10 (person id, then e-mail, then name; several candidates are ambiguous, none is unknown; both stay people).
-- A segment that names nobody belongs to the person whom the rest of its trip names, else to a person of its own.
with segments as (
    select
        source,
        trip_ref,
        identity_text,
        person_id,
        email,
        traveller_name
    from stage.segment
),

roster as (
    select
        person_id,
        name_key
    from stage.person
),

roster_email as (
    select
        email,
        min(person_id) as person_id,
        count(distinct person_id) as person_count
    from stage.person_email
    group by email
),

roster_name as (
    select
        name_key,
        min(person_id) as person_id,
        count(distinct person_id) as person_count
    from roster
    where name_key <> ''
    group by name_key
),

named as (
    select
        identity_text,
        min(person_id) as person_id,
        min(email) as email,
        min(traveller_name) as traveller_name
    from segments
    group by identity_text
),

companion as (
    select
        blank.identity_text,
        min(other.identity_text) as companion_text
    from segments as blank
    inner join segments as other on blank.source = other.source and blank.trip_ref = other.trip_ref
    where
        starts_with(blank.identity_text, '||') and blank.person_id is null and blank.email is null
        and blank.traveller_name is null and other.identity_text <> blank.identity_text
    group by blank.identity_text
),

claims as (
    select
        n.identity_text,
        coalesce(n.person_id, c.person_id) as person_id,
        coalesce(n.email, c.email) as email,
        coalesce(n.traveller_name, c.traveller_name) as traveller_name
    from named as n
    left join companion as b on n.identity_text = b.identity_text
    left join named as c on b.companion_text = c.identity_text
),

keyed as (
    select
        identity_text,
        person_id,
        email,
        traveller_name,
        array_to_string(
            list_sort(
                string_split(
                    trim(
                        regexp_replace(
                            regexp_replace(
                                concat(
                                    ' ',
                                    regexp_replace(lower(strip_accents(traveller_name)), '[^a-z0-9]+', ' ', 'g'),
                                    ' '
                                ),
                                ' (mr|mrs|ms|miss|mstr|dr|prof|sir|dame) ', ' ', 'g'
                            ),
                            ' +', ' ', 'g'
                        )
                    ),
                    ' '
                )
            ),
            ' '
        ) as name_key
    from claims
),

b as (
    select
        o.email,
        p.name_key,
        min(o.person_id) as person_id
    from stage.person_email as o
    inner join roster as p on o.person_id = p.person_id
    group by o.email, p.name_key
    having count(distinct o.person_id) = 1
),

found as (
    select
        k.identity_text,
        k.person_id,
        k.email,
        k.name_key,
        r.person_id as by_id,
        e.person_id as by_email,
        coalesce(e.person_count, 0) as email_count,
        n.person_id as by_name,
        coalesce(n.person_count, 0) as name_count,
        b.person_id as by_email_and_name
    from keyed as k
    left join roster as r on k.person_id = r.person_id
    left join roster_email as e on k.email = e.email
    left join roster_name as n on k.name_key = n.name_key
    left join b on k.email = b.email and k.name_key = b.name_key
),

decided as (
    select
        identity_text,
        person_id,
        email,
        name_key,
        case
            when by_id is not null then by_id
            when email_count = 1 then by_email
            when email_count > 1 then by_email_and_name
            when person_id is null and name_count = 1 then by_name
        end as roster_person_id,
        case
            when by_id is not null then 'person id'
            when email_count = 1 then 'e-mail'
            when email_count > 1 and by_email_and_name is not null then 'e-mail and name'
            when email_count > 1 then 'several people share the e-mail'
            when person_id is not null then 'the person id is not on the roster'
            when name_count = 1 then 'name'
            when name_count > 1 then 'several people have the name'
            else 'not on the roster'
        end as identity_reason,
        (email_count > 1 or (person_id is null and name_count > 1)) as has_several
    from found
)

select
    identity_text,
    roster_person_id,
    case
        when roster_person_id is not null then concat('person:', roster_person_id)
        when person_id is not null then concat('id:', person_id)
        when email is not null then concat('email:', email)
        when name_key <> '' then concat('name:', name_key)
        else concat('trip:', identity_text)
    end as identity_key,
    case
        when roster_person_id is not null then 'matched'
        when has_several then 'ambiguous'
        else 'unknown'
    end as identity_status,
    identity_reason
from decided
