-- Grain: segment whose text names several places x each of those places.
-- Rules: P4 (several places in one text become several candidate places).
with many as (
    select
        s.segment_key,
        s.to_text,
        s.to_kind,
        coalesce(s.to_country_hint, '') as country_hint,
        coalesce(s.to_region_hint, '') as region_hint
    from stage.segment as s
    inner join core.segment as c on s.segment_key = c.segment_key
    where c.to_candidate_count > 1
)

select
    s.segment_key,
    p.place_key
from many as s
inner join core.place_match as m
    on
        s.to_text = m.place_text and s.to_kind = m.text_kind
        and s.country_hint = coalesce(m.country_hint, '') and s.region_hint = coalesce(m.region_hint, '')
inner join core.place as p on m.place_id = p.place_id
