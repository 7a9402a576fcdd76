-- Grain: movement as its feeds tell it, apart from what the traveller's other movements say of its times.
-- Rules: S3 (evidence is the union, the newest update wins, times win over dates).
with united as (
    select
        m.movement_key,
        max(s.trip_key) as trip_key,
        bool_or(s.segment_status = 'confirmed') as is_confirmed,
        min(s.starts_at) <> max(s.starts_at) or min(s.ends_at) <> max(s.ends_at) as has_disagreement,
        list_sort(list(s.segment_key)) as segment_keys,
        max_by(
            s.segment_key,
            struct_pack(
                has_times := s.starts_has_time and s.ends_has_time,
                updated_at := s.updated_at,
                segment_key := s.segment_key
            )
        ) as segment_key
    from core.movement_segment as m
    inner join core.segment as s on m.segment_key = s.segment_key
    group by m.movement_key
)

select
    u.movement_key,
    u.trip_key,
    s.traveller_key,
    s.from_place_key,
    s.to_place_key,
    coalesce(s.from_place_status = 'fuzzy', false) as is_from_guessed,
    s.to_place_status = 'fuzzy' as is_to_guessed,
    s.to_candidate_count,
    u.segment_key,
    s.starts_date,
    s.ends_date,
    s.starts_has_time,
    s.ends_has_time,
    s.is_time_estimated,
    s.starts_at,
    s.ends_at,
    u.is_confirmed,
    u.has_disagreement,
    u.segment_keys
from united as u
inner join core.segment as s on u.segment_key = s.segment_key
