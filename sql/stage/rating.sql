-- Grain: one row per rating claim that says something new: provider x category x place text x instant.
-- Rules: R1 (from when it holds), F4 (a fault never lowers or clears a level).
-- A file that states all places anew repeats most of them: of each place the first statement of a run of equal ones
-- counts. It holds from its publication only where that lies after the statement before it was received, else from its
-- receipt: what was true of an earlier day does not change because a date was not kept up.
with -- Two records of one place in one file: the higher level counts.
one_a_file as (
    select
        *,
        row_number() over (
            partition by feed, file_number, provider, category, place_type, place, latitude, longitude
            order by level desc nulls last, record_number asc
        ) as preference
    from stage.rating_claim
    where is_statement
),

sequence as (
    select
        *,
        row(level, native_level, evacuation_status, published_at, radius_km, fault_reason) as said,
        lag(row(level, native_level, evacuation_status, published_at, radius_km, fault_reason)) over place_in_feed
            as said_before,
        lag(received_at) over place_in_feed as received_before_at
    from one_a_file
    where preference = 1
    window place_in_feed as (
        partition by feed, provider, category, place_type, place, latitude, longitude order by file_number
    )
),

dated as (
    select
        * exclude (preference, said, said_before, received_before_at)
        replace (
            case
                when is_fault then received_at
                when published_at is null then received_at
                when received_before_at is null or published_at > received_before_at
                    then least(published_at, received_at)
                else received_at
            end as valid_from
        )
    from sequence
    where received_before_at is null or said is distinct from said_before
    union all
    select * replace (coalesce(valid_from, published_at, received_at) as valid_from)
    from stage.rating_claim
    where not is_statement
),

-- 'BI' is Burundi's code and a name of Belgium's: the code of a country is read as nothing else.
countries as (
    select place_id as code
    from reference.gazetteer_place
    where place_type = 'country' and length(place_id) = 2
),

-- The same text of a place had a level before: only such a fault can make a level stale (F4). A faulty twin name that
-- never carried a level ("Bahamas" beside "The Bahamas") says nothing about the other.
followed as (
    select
        *,
        coalesce(
            max(case when is_fault then 0 else 1 end) over (
                partition by provider, category, place_type, place
                order by valid_from, received_at, file_number, record_number
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) = 1 as has_earlier_level
    from dated
)

select
    provider,
    category,
    place_type,
    place,
    country_code,
    case
        when place_type in ('region', 'city') then country_code
        when place_type = 'country' then countries.code
    end as country_hint,
    level,
    worst_case_level,
    has_regional_advice,
    is_flagged,
    native_level,
    evacuation_status,
    valid_from,
    published_at,
    received_at,
    latitude,
    longitude,
    radius_km,
    note,
    is_invented,
    is_release,
    is_fault,
    fault_reason,
    is_fault and has_earlier_level as makes_stale,
    feed,
    file_number,
    record_number
from followed
left join countries on followed.place = countries.code
