-- Grain: distinct way in which a feed names a traveller (identity_text), with the person of the roster who is meant.
-- Rules: S10 (person id, then e-mail address, then name within candidates; several candidates are ambiguous).
-- Evidence is tried from the strongest on, and a name alone comes last: it decides only where one person has it and
-- nothing speaks against them (an id or an address of the institution that the roster does not know).
-- A son who bears the father's name is not he: by the name alone, or on his flight, a "Jr" whom the roster does not
-- have stays ambiguous, and a child unknown.
-- Beside another key those candidates count whose name agrees best: the whole name before a short one. For a name alone
-- "Robert Smith" is Robert James Smith as well, so both are candidates; who has fewer middle names than the claim, or
-- the two names exchanged, is one only where nobody else is.
-- A flight (carrier, number, date) that a settled claim of exactly one candidate also has is such evidence as well, but
-- not against an address of the institution that the roster does not know: namesakes do fly together.
-- has_other_name: an id or an address settles whom a claim means, and the name is somebody else's: of a guest for whom
-- an assistant's address was given, of a child, or of who had the id before. The id or address decides all the same.
-- Why in words holds counts and no personal data.
with ways as (
    select
        identity_text,
        person_id,
        name_level,
        name_level as preference,
        1 as way
    from core.identity_candidate
    where shares_email and name_level is not null
    union all
    select
        identity_text,
        person_id,
        name_level,
        name_level as preference,
        2 as way
    from core.identity_candidate
    where shares_email and name_level is not null and shares_phone
    union all
    select
        identity_text,
        person_id,
        name_level,
        name_level as preference,
        3 as way
    from core.identity_candidate
    where shares_email and name_level is not null and is_on_roster
    union all
    select
        identity_text,
        person_id,
        0 as name_level,
        0 as preference,
        4 as way
    from core.identity_candidate
    where shares_email and shares_phone
    union all
    select
        identity_text,
        person_id,
        name_level,
        name_level as preference,
        5 as way
    from core.identity_candidate
    where has_near_email and name_level is not null
    union all
    select
        identity_text,
        person_id,
        name_level,
        name_level as preference,
        6 as way
    from core.identity_candidate
    where not shares_email and shares_phone and name_level is not null
    union all
    select
        c.identity_text,
        c.person_id,
        c.name_level,
        case when c.name_level = 1 then 2 when c.is_longer then 1 else 0 end as preference,
        7 as way
    from core.identity_candidate as c
    inner join core.identity_claim as k on c.identity_text = k.identity_text
    where
        not c.shares_email and c.name_level <= 2 and not c.is_unmarked and k.person_id is null
        and (k.email is null or not k.has_own_domain)
),

preferred as (
    select
        identity_text,
        way,
        min(preference) as preference
    from ways
    group by identity_text, way
),

one_preferred as (
    select
        w.identity_text,
        w.way,
        min(w.name_level) as name_level,
        min(w.person_id) as person_id
    from ways as w
    inner join preferred as b
        on w.identity_text = b.identity_text and w.way = b.way and w.preference = b.preference
    group by w.identity_text, w.way
    having count(*) = 1
),

chosen as (
    select
        o.identity_text,
        min(o.way) as way,
        min_by(o.person_id, o.way) as person_id,
        min_by(o.name_level, o.way) as name_level
    from one_preferred as o
    inner join core.identity_claim as k on o.identity_text = k.identity_text
    where o.way < 7 or k.email is null or o.name_level <= 1
    group by o.identity_text
),

counted as (
    select
        identity_text,
        count(*) filter (where name_level <= 2) as name_count,
        count(*) as candidate_count
    from core.identity_candidate
    group by identity_text
),

decided as (
    select
        k.*,
        c.name_level,
        coalesce(n.name_count, 0) as name_count,
        coalesce(n.candidate_count, 0) as candidate_count,
        case
            when k.by_id is not null then k.by_id
            when k.email_count = 1 then k.by_email
            else c.person_id
        end as found_id,
        case when k.by_id is not null then -1 when k.email_count = 1 then 0 else c.way end as way
    from core.identity_claim as k
    left join chosen as c on k.identity_text = c.identity_text
    left join counted as n on k.identity_text = n.identity_text
),

-- stage.segment is read in place, not through a common table expression: that would copy all of it.
open_flight as (
    select distinct
        s.identity_text,
        s.carrier_code,
        s.service_number,
        cast(s.starts_local as date) as departure_date
    from stage.segment as s
    inner join decided as d on s.identity_text = d.identity_text
    where
        d.found_id is null and d.candidate_count > 0 and not d.has_own_domain
        and s.segment_kind = 'movement' and s.service_number <> ''
),

flown as (
    select distinct
        o.identity_text,
        d.found_id
    from open_flight as o
    inner join stage.segment as s
        on
            o.service_number = s.service_number and o.departure_date = cast(s.starts_local as date)
            and o.carrier_code = s.carrier_code and s.segment_kind = 'movement'
    inner join decided as d on s.identity_text = d.identity_text
    where d.found_id is not null
),

aboard as (
    select
        c.identity_text,
        min(c.person_id) as person_id,
        min_by(c.name_level, c.person_id) as name_level
    from core.identity_candidate as c
    inner join flown as f on c.identity_text = f.identity_text and c.person_id = f.found_id
    where c.name_level is not null and not c.is_unmarked
    group by c.identity_text
    having count(*) = 1
),

doubtful as (
    select
        d.identity_text,
        d.traveller_name,
        p.roster_name
    from decided as d
    inner join stage.person as p on d.found_id = p.person_id
    where d.is_name_doubtful and d.way <= 0
),

same_name as (
    select distinct d.identity_text
    from doubtful as d
    inner join core.name_form as c on d.traveller_name = c.name_text
    inner join core.name_form as r on d.roster_name = r.name_text
    where
        (
            c.form = r.form and c.form_level + r.form_level < 6
            and (starts_with(c.middle, r.middle) or starts_with(r.middle, c.middle))
        )
        or (c.form_level = 0 and r.form_level <= 2 and damerau_levenshtein(c.form, r.form) = 1)
),

resolved as (
    select
        d.identity_text,
        d.companion_text,
        d.person_id,
        d.email,
        d.email_count,
        d.by_id,
        d.by_email,
        d.traveller_name,
        d.has_own_domain,
        d.name_count,
        d.candidate_count,
        coalesce(d.found_id, a.person_id) as roster_person_id,
        case when d.found_id is null and a.person_id is not null then 8 else d.way end as way,
        coalesce(a.name_level, d.name_level, 0) as name_level,
        b.identity_text is not null and s.identity_text is null as has_other_name
    from decided as d
    left join doubtful as b on d.identity_text = b.identity_text
    left join same_name as s on d.identity_text = s.identity_text
    left join aboard as a on d.identity_text = a.identity_text and d.found_id is null
)

select
    identity_text,
    companion_text,
    person_id,
    email,
    traveller_name,
    roster_person_id,
    case
        when roster_person_id is not null then 'matched'
        when email_count > 1 or name_count > 0 then 'ambiguous'
        else 'unknown'
    end as identity_status,
    by_id is not null and email_count = 1 and by_email <> by_id as has_conflict,
    has_other_name,
    concat(
        case
            when way = -1 and email_count = 1 and by_email <> by_id and has_other_name
                then 'person id, although the e-mail address and the name are somebody else''s'
            when way = -1 and has_other_name then 'person id, although the name is somebody else''s'
            when way = 0 and has_other_name and person_id is null
                then 'e-mail address, although the name is somebody else''s'
            when way = 0 and has_other_name
                then 'e-mail address; the person id is not on the roster, and the name is somebody else''s'
            when way = -1 and email_count = 1 and by_email <> by_id
                then 'person id, although the e-mail address is somebody else''s'
            when way = -1 then 'person id'
            when way = 0 and person_id is null then 'e-mail address'
            when way = 0 then 'e-mail address; the person id is not on the roster'
            when way = 1 then concat('e-mail address that ', candidate_count, ' people share, and name')
            when way = 2
                then concat('e-mail address that ', candidate_count, ' people share, name and telephone number')
            when way = 3
                then concat('e-mail address that ', candidate_count, ' people share, and name; the rest have left')
            when way = 4 then concat('e-mail address that ', candidate_count, ' people share, and telephone number')
            when way = 5 then 'e-mail address misspelt by one letter, and name'
            when way = 6 then 'name and telephone number'
            when way = 7 and email is null then 'name that one person of the roster has'
            when way = 7 then 'name that one person of the roster has; the private e-mail address is not on the roster'
            when way = 8 then 'name, and a flight of the same person in another record'
            when email_count > 1 then concat(email_count, ' people of the roster share the e-mail address')
            when name_count > 1 then concat(name_count, ' people of the roster have the name')
            when name_count = 1 then 'one person of the roster has the name'
            when coalesce(person_id, email, traveller_name) is null then 'the feed names nobody'
            else 'not on the roster'
        end,
        case
            when way is null and name_count > 0 and email_count = 0 and person_id is not null
                then ', but the person id is not on the roster'
            when way is null and name_count > 0 and email_count = 0 and email is not null
                then ', but the e-mail address is not on the roster'
            when way is null and name_count > 1 and email_count = 0 then ', and nothing tells them apart'
            when way is null or name_level = 0 then ''
            when name_level = 1 then ' (family and given name exchanged)'
            when name_level = 2 then ' (short form of the name)'
            else ' (part of the name)'
        end
    ) as identity_reason
from resolved
