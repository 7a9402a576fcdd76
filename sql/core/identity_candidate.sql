-- Grain: claim that no person id and no e-mail address of one person settles x person of the roster who may be meant.
-- Rules: S10 (name within candidates; a misspelt address counts only together with an agreeing name).
-- Candidates are those who share the claim's e-mail address, else those with whose name the claim's agrees.
-- name_level is that of core.name_form, the weaker of both sides; NULL where the names do not agree. Two weak forms do
-- not make an agreement, and middle names that both sides give must not contradict each other.
-- is_unmarked: the claim is of a younger bearer of the name ("John Smith Jr"), the roster's name is not.
-- is_longer: the claim has a middle name or initial that the roster does not have for this person.
-- has_near_email: one letter lost, added, changed or swapped with its neighbour; never a digit, because wei.chen2@… is
-- not wei.chen1@…. Looking only among people of the name keeps this linear.
with claims as (
    select
        identity_text,
        traveller_name,
        email,
        email_count
    from core.identity_claim
    where not is_settled
),

people as (
    select
        person_id,
        roster_name,
        is_on_roster
    from stage.person
),

numbers as (
    select
        person_id,
        mobile_phone as phone
    from stage.person
    union all
    select
        person_id,
        unnest(other_phones) as phone
    from stage.person
),

person_phones as (
    select
        person_id,
        right(regexp_replace(phone, '[^0-9]', '', 'g'), 9) as phone_key
    from numbers
    where length(regexp_replace(phone, '[^0-9]', '', 'g')) >= 7
),

phones as (
    select distinct
        s.identity_text,
        right(regexp_replace(s.phone, '[^0-9]', '', 'g'), 9) as phone_key
    from stage.segment as s
    inner join claims as c on s.identity_text = c.identity_text
    where s.phone is not null and length(regexp_replace(s.phone, '[^0-9]', '', 'g')) >= 7
),

addresses as (
    select
        person_id,
        email
    from stage.person_email
),

claim_forms as (
    select
        c.identity_text,
        f.form,
        f.middle,
        f.is_unmarked,
        case when f.is_unmarked then greatest(f.form_level, 2) else f.form_level end as form_level
    from claims as c
    inner join core.name_form as f on c.traveller_name = f.name_text
),

person_forms as (
    select
        p.person_id,
        f.form,
        f.middle,
        f.form_level
    from people as p
    inner join core.name_form as f on p.roster_name = f.name_text
    where f.form_level <> 1
),

agreed as (
    select
        c.identity_text,
        p.person_id,
        min(greatest(c.form_level, p.form_level)) as name_level,
        bool_and(c.middle <> '' and p.middle = '') as is_longer,
        bool_and(c.is_unmarked) as is_unmarked
    from claim_forms as c
    inner join person_forms as p on c.form = p.form
    where
        c.form_level + p.form_level < 6
        and (starts_with(c.middle, p.middle) or starts_with(p.middle, c.middle))
    group by c.identity_text, p.person_id
),

sharing as (
    select
        c.identity_text,
        a.person_id
    from claims as c
    inner join addresses as a on c.email = a.email
),

near as (
    select distinct
        g.identity_text,
        g.person_id
    from agreed as g
    inner join claims as c on g.identity_text = c.identity_text
    inner join addresses as a on g.person_id = a.person_id
    where
        c.email_count = 0
        and abs(length(c.email) - length(a.email)) <= 1
        and regexp_replace(c.email, '[^0-9]', '', 'g') = regexp_replace(a.email, '[^0-9]', '', 'g')
        and damerau_levenshtein(c.email, a.email) = 1
),

united as (
    select
        identity_text,
        person_id,
        true as shares_email
    from sharing
    union all
    select
        g.identity_text,
        g.person_id,
        false as shares_email
    from agreed as g
    inner join claims as c on g.identity_text = c.identity_text
    where c.email_count = 0
),

reached as (
    select distinct
        u.identity_text,
        u.person_id
    from united as u
    inner join person_phones as p on u.person_id = p.person_id
    inner join phones as f on u.identity_text = f.identity_text and p.phone_key = f.phone_key
)

select
    u.identity_text,
    u.person_id,
    u.shares_email,
    g.name_level,
    coalesce(g.is_longer, false) as is_longer,
    coalesce(g.is_unmarked, false) as is_unmarked,
    n.person_id is not null as has_near_email,
    f.person_id is not null as shares_phone,
    p.is_on_roster
from united as u
inner join people as p on u.person_id = p.person_id
left join agreed as g on u.identity_text = g.identity_text and u.person_id = g.person_id
left join near as n on u.identity_text = n.identity_text and u.person_id = n.person_id
left join reached as f on u.identity_text = f.identity_text and u.person_id = f.person_id
