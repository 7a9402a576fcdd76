-- title: Places whose stays are vague or unknown (P2, P3, R4), with the person-days that hang on them
-- parameters: kind=
with kinds as (
    select
        s.place_name,
        s.country_code,
        e.stay_id,
        e.traveller_id,
        date_diff('microsecond', e.starts_at, e.ends_at) * e.weight / 86400000000.0 as person_days,
        unnest(
            list_filter(
                [
                    case when s.place_status = 'unknown' then 'place_unknown' end,
                    case when s.place_status = 'fuzzy' then 'place_fuzzy' end,
                    case when s.place_status = 'historical' then 'place_historical' end,
                    case when s.precision = 'country' then 'country_only' end,
                    case when s.precision = 'region' then 'region_only' end,
                    case when e.rating_status = 'unrated' then 'unrated' end,
                    case when e.rating_status = 'stale' then 'stale' end
                ],
                lambda each: each is not null
            )
        ) as kind
    from mart.exposure as e
    inner join mart.stay as s on e.stay_id = s.stay_id
    where e.presence not in ('transit', 'en_route')
)

select
    kind,
    place_name,
    country_code,
    count(distinct stay_id) as stays,
    count(distinct traveller_id) as travellers,
    round(sum(person_days), 3) as person_days
from kinds
where coalesce($kind, '') in ('', kind)
group by kind, place_name, country_code
order by kind asc, person_days desc, place_name asc
