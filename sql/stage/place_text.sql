-- Grain: distinct place text of any feed with the hints that came beside it.
-- Rules: P1, P2 (every text is resolved once, whatever feed it came from).
with segments as (
    select
        from_text,
        from_country_hint,
        from_kind,
        to_text,
        to_country_hint,
        to_region_hint,
        to_kind
    from stage.segment
),

ratings as (
    select
        place,
        place_type,
        country_hint
    from stage.rating
    where place_type <> 'area'
    union all
    select
        country_code as place,
        'country' as place_type,
        country_code as country_hint
    from stage.rating
    where country_code is not null and place_type = 'country'
),

alerts as (
    select place
    from land.alerts
    where is_current and place is not null
),

texts as (
    select distinct
        from_text as place_text,
        from_country_hint as country_hint,
        cast(null as varchar) as region_hint,
        from_kind as text_kind
    from segments
    union
    select distinct
        to_text as place_text,
        to_country_hint as country_hint,
        to_region_hint as region_hint,
        to_kind as text_kind
    from segments
    union
    select distinct
        place as place_text,
        country_hint,
        place_type as region_hint,
        'rating' as text_kind
    from ratings
    union
    select distinct
        place as place_text,
        cast(null as varchar) as country_hint,
        cast(null as varchar) as region_hint,
        'text' as text_kind
    from alerts
)

select
    place_text,
    country_hint,
    region_hint,
    text_kind
from texts
