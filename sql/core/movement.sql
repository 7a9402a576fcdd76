-- Grain: movement: one flight, train, drive or crossing of one traveller, however many feeds report it.
-- Rules: S3 (evidence is the union, the newest update wins, times win over dates).
with members as (
    select * from core.movement_segment
),

segments as (
    select * from core.segment
),

joined as (
    select
        m.movement_key,
        s.*,
        row_number() over (
            partition by m.movement_key
            order by (s.starts_has_time and s.ends_has_time) desc, s.updated_at desc, s.segment_key desc
        ) as preference
    from members as m
    inner join segments as s on m.segment_key = s.segment_key
),

united as (
    select
        movement_key,
        max(trip_key) as trip_key,
        max(segment_status = 'confirmed') as is_confirmed,
        count(distinct starts_at) > 1 or count(distinct ends_at) > 1 as has_disagreement,
        list_sort(list(distinct segment_key)) as segment_keys
    from joined
    group by movement_key
)

select
    j.movement_key,
    u.trip_key,
    j.traveller_key,
    j.from_place_key,
    j.to_place_key,
    coalesce(j.from_place_status = 'fuzzy', false) as is_from_guessed,
    j.to_place_status = 'fuzzy' as is_to_guessed,
    j.to_candidate_count,
    j.segment_key,
    j.starts_at,
    j.ends_at,
    u.is_confirmed,
    u.has_disagreement,
    u.segment_keys
from joined as j
inner join united as u on j.movement_key = u.movement_key
where j.preference = 1
