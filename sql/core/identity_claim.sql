-- Grain: distinct way in which a feed names a traveller (identity_text).
-- What it says, and what the roster makes of its person id and e-mail address.
-- Rules: S10 (person id first, then e-mail address: any on the roster, whatever its case).
-- Within one trip a segment that names nobody, or gives the name alone, borrows the id and the address that the trip's
-- other segments give with that name. Ids of digits are compared without leading zeros, which spreadsheets lose, and an
-- address without its +tag where the roster does not know the tag.
-- Ids of one name and one address are entries of one person (a doctoral student who is staff as well): by the address
-- the entry on the roster is meant, before others the one by whose id a feed names the person.
-- has_own_domain: the roster does not know the address, but its domain is one of the roster's own (one main address in
-- twenty or more). Such an address belongs to somebody, and probably to somebody else; a private one says nothing.
-- is_name_doubtful: the claim's name has neither the first nor the last given name of the person whom the id or address
-- settles and is no part of that person's, or it is a child's. Only such names are worth a comparison in all their
-- forms (core.identity_match).
with roster as (
    select
        person_id,
        email,
        trim(regexp_replace(lower(strip_accents(given_name)), '[^a-z]+', ' ', 'g')) as given_words,
        regexp_replace(lower(strip_accents(roster_name)), '[^a-z]+', '', 'g') as name_letters,
        case
            when regexp_matches(trim(person_id), '^[0-9]+$') then ltrim(trim(person_id), '0')
            else upper(trim(person_id))
        end as id_key
    from stage.person
),

roster_id as (
    select
        id_key,
        min(person_id) as person_id
    from roster
    group by id_key
    having count(*) = 1
),

domain_size as (
    select
        split_part(email, '@', 2) as domain,
        count(*) as people
    from roster
    where email like '%@%'
    group by split_part(email, '@', 2)
),

roster_domain as (
    select domain
    from (
        select
            domain,
            people,
            sum(people) over () as all_people
        from domain_size
    ) as d
    where people * 20 >= all_people
),

-- stage.segment is read in place, not through a common table expression: that would copy all of it.
-- Segments of one identity_text name the traveller alike, so the first speaks for all; keys compare faster than texts.
spoken as (
    select min(segment_key) as segment_key
    from stage.segment
    group by identity_text
),

stated as (
    select
        s.identity_text,
        s.source,
        s.trip_ref,
        s.person_id,
        s.email,
        s.traveller_name
    from stage.segment as s
    inner join spoken as f on s.segment_key = f.segment_key
),

used_id as (
    select distinct trim(person_id) as person_id
    from stated
    where person_id is not null
),

holder as (
    select
        e.email,
        e.person_id,
        lower(p.roster_name) as roster_name,
        concat(case when p.is_on_roster then '0' else '1' end, case when u.person_id is null then '1' else '0' end)
            as preference
    from stage.person_email as e
    inner join stage.person as p on e.person_id = p.person_id
    left join used_id as u on e.person_id = u.person_id
),

roster_email as (
    select
        email,
        min_by(person_id, concat(preference, person_id)) as person_id,
        case
            when count(distinct roster_name) = 1 and min(roster_name) <> '' then 1 else count(distinct person_id)
        end as person_count
    from holder
    group by email
),

named as (
    select
        identity_text,
        source,
        trip_ref,
        nullif(trim(person_id), '') as person_id,
        case
            when email = translate(email, ' <>,;:"', '') then email
            else nullif(regexp_extract(email, '([^\s<>,;:"]+@[^\s<>,;:"]+)', 1), '')
        end as email,
        nullif(trim(lower(traveller_name)), '') as traveller_name
    from stated
),

-- A claim without id and address belongs to one trip alone.
weak as (
    select
        identity_text,
        source,
        trip_ref,
        traveller_name
    from named
    where person_id is null and email is null
),

beside as (
    select distinct
        w.identity_text,
        w.traveller_name,
        s.identity_text as other_text
    from weak as w
    inner join stage.segment as s on w.source = s.source and w.trip_ref = s.trip_ref
    where s.identity_text <> w.identity_text
),

companion as (
    select
        b.identity_text,
        min(n.identity_text) as companion_text
    from beside as b
    inner join named as n on b.other_text = n.identity_text
    where
        (b.traveller_name is null and coalesce(n.person_id, n.email, n.traveller_name) is not null)
        or (b.traveller_name = n.traveller_name and coalesce(n.person_id, n.email) is not null)
    group by b.identity_text
),

claims as (
    select
        n.identity_text,
        b.companion_text,
        coalesce(n.person_id, c.person_id) as person_id,
        coalesce(n.email, c.email) as email,
        coalesce(n.traveller_name, c.traveller_name) as traveller_name
    from named as n
    left join companion as b on n.identity_text = b.identity_text
    left join named as c on b.companion_text = c.identity_text
),

keyed as (
    select
        *,
        case
            when regexp_matches(person_id, '^[0-9]+$') then ltrim(person_id, '0')
            else upper(person_id)
        end as id_key,
        case when email like '%+%' then regexp_replace(email, '\+[^@]*@', '@') end as untagged_email,
        split_part(email, '@', 2) as domain
    from claims
),

found as (
    select
        k.identity_text,
        k.companion_text,
        k.person_id,
        k.traveller_name,
        regexp_replace(lower(strip_accents(k.traveller_name)), '[^a-z]+', ' ', 'g') as name_words,
        coalesce(e.email, u.email, k.email) as email,
        coalesce(r.person_id, i.person_id) as by_id,
        coalesce(h.person_id, e.person_id, u.person_id) as by_email,
        coalesce(e.person_count, u.person_count, 0) as email_count,
        k.email is not null and e.email is null and u.email is null and d.domain is not null as has_own_domain
    from keyed as k
    left join roster as r on k.person_id = r.person_id
    left join roster_id as i on k.id_key = i.id_key
    left join roster_email as e on k.email = e.email
    left join roster_email as u on k.untagged_email = u.email
    left join roster_domain as d on k.domain = d.domain
    left join stage.person_email as h
        on coalesce(e.email, u.email) = h.email and coalesce(r.person_id, i.person_id) = h.person_id
),

settled as (
    select
        *,
        coalesce(by_id, case when email_count = 1 then by_email end) as settled_id
    from found
)

select
    s.identity_text,
    s.companion_text,
    s.person_id,
    s.email,
    s.traveller_name,
    s.by_id,
    s.by_email,
    cast(s.email_count as integer) as email_count,
    s.has_own_domain,
    s.settled_id is not null as is_settled,
    coalesce(
        regexp_matches(trim(s.name_words), '[a-z] +[a-z]') and r.given_words <> ''
        and (
            (
                strpos(s.name_words, split_part(r.given_words, ' ', 1)) = 0
                and strpos(s.name_words, regexp_extract(r.given_words, '([a-z]+)$', 1)) = 0
                and strpos(r.name_letters, replace(s.name_words, ' ', '')) = 0
            )
            or regexp_matches(s.name_words, '(chd|inf|mstr) *$')
        ),
        false
    ) as is_name_doubtful
from settled as s
left join roster as r on s.settled_id = r.person_id
