-- Grain: alert x traveller whom it concerns.
-- Rules: section 9 (relation), P3 (known only by country is perhaps there, so listed), S7 (an open stay goes on).
-- At asked_at: inside is whose stay holds it, transit and overdue included; arriving is who is on the way then, or
-- comes before the alert ends; left is whose stay there ended since, or at most a day before the alert. Home stays
-- count with count_home alone (S9). A person known only by country or region is inside what contains the alert and
-- inside a circle that covers any of it (alert_cover), without a distance. A stay is known by its city, so who is in
-- the very place that the alert names is reached however small the circle.
with reach as (
    select * from core.alert_reach
    where reach <> 'unknown'
),

places as (
    select
        place_key,
        place_id,
        precision,
        country_code,
        region_code,
        latitude,
        longitude
    from core.place
),

parameter as (
    select count_home
    from reference.parameter
),

stays as (
    select
        stay_id,
        traveller_key,
        place_key,
        starts_at,
        ends_at,
        presence
    from core.stay_piece
    cross join parameter
    where not is_home or count_home
),

people as (
    select
        traveller_key,
        traveller_id
    from core.pseudonym
),

measured as (
    select
        r.alert_id,
        r.candidate_number,
        r.reach,
        r.radius_km,
        r.issued_at,
        r.expires_at,
        r.asked_at,
        r.place_id as alert_place_id,
        r.country_code as alert_country_code,
        r.region_code as alert_region_code,
        p.place_key,
        p.place_id,
        p.precision,
        p.country_code,
        p.region_code,
        case
            when p.latitude is not null and p.longitude is not null
                then
                    2 * 6371.0088 * asin(
                        least(
                            1.0,
                            sqrt(
                                pow(sin(radians(p.latitude - r.latitude) / 2), 2)
                                + cos(radians(r.latitude)) * cos(radians(p.latitude))
                                * pow(sin(radians(p.longitude - r.longitude) / 2), 2)
                            )
                        )
                    )
        end as distance_km
    from reach as r
    cross join places as p
),

judged as (
    select
        m.alert_id,
        m.issued_at,
        m.expires_at,
        m.asked_at,
        m.place_key,
        case when m.precision not in ('country', 'region') then m.distance_km end as distance_km,
        case
            when m.place_id = m.alert_place_id then true
            when m.reach = 'country' then m.country_code = m.alert_country_code
            when m.reach = 'region' and m.precision = 'country' then m.country_code = m.alert_country_code
            when m.reach = 'region' then m.region_code = m.alert_region_code
            when m.distance_km <= m.radius_km then true
            when m.precision = 'country' and m.country_code = m.alert_country_code then true
            when m.precision = 'region' and m.region_code = m.alert_region_code then true
            else m.precision in ('country', 'region') and c.place_id is not null
        end as is_reached
    from measured as m
    left join core.alert_cover as c
        on m.alert_id = c.alert_id and m.candidate_number = c.candidate_number and m.place_id = c.place_id
),

concerned as (
    select
        j.alert_id,
        s.traveller_key,
        s.stay_id,
        j.distance_km,
        s.presence,
        s.starts_at,
        s.ends_at,
        case
            when s.presence = 'en_route' and coalesce(s.ends_at > j.asked_at, true) then 'arriving'
            when s.starts_at > j.asked_at then 'arriving'
            when coalesce(s.ends_at > j.asked_at, true) then 'inside'
            when s.presence <> 'en_route' then 'left'
        end as relation
    from judged as j
    inner join stays as s on j.place_key = s.place_key
    where
        j.is_reached
        and s.starts_at <= greatest(j.asked_at, j.expires_at)
        and coalesce(s.ends_at > j.issued_at - interval 1 day, true)
),

ranked as (
    select
        *,
        row_number() over (
            partition by alert_id, traveller_key
            order by
                case relation when 'inside' then 1 when 'arriving' then 2 else 3 end,
                case when relation = 'left' then ends_at end desc nulls last,
                distance_km asc nulls last,
                starts_at asc,
                stay_id asc
        ) as choice
    from concerned
    where relation is not null
)

select
    r.alert_id,
    p.traveller_id,
    r.stay_id,
    r.distance_km,
    r.presence,
    r.relation
from ranked as r
inner join people as p on r.traveller_key = p.traveller_key
where r.choice = 1
order by r.alert_id, p.traveller_id
