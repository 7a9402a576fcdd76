-- Grain: distinct way in which a feed names a traveller (identity_text).
-- Rules: S10 (matched, ambiguous or unknown, and why; unknown and ambiguous people are still people).
-- A person of the roster is known by the roster's id; anybody else by the strongest key of their group: an id, an
-- address, else the name and trip. An id sorts before an address, and an address before a name.
with grouped as (
    select
        identity_text,
        person_group,
        own_key
    from core.identity_group
),

group_key as (
    select
        person_group,
        coalesce(
            min(own_key) filter (where own_key like 'id:%'), min(own_key) filter (where own_key like 'email:%'),
            min(own_key)
        ) as group_key
    from grouped
    group by person_group
)

select
    m.identity_text,
    m.roster_person_id,
    case when m.roster_person_id is not null then concat('person:', m.roster_person_id) else k.group_key end
        as identity_key,
    m.identity_status,
    m.identity_reason,
    m.has_conflict,
    m.has_other_name
from core.identity_match as m
left join grouped as g on m.identity_text = g.identity_text
left join group_key as k on g.person_group = k.person_group
