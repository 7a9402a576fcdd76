-- title: person-days over all weeks, places and levels equal those of the stays that count (E4)
-- severity: blocking
-- Shares of more than ten candidates are rounded, each by less than one part. The parts of a stay of 116 years are more
-- than a bigint holds.
with parameter as (
    select
        as_of,
        count_home,
        to_days(open_ended_days) as open_time
    from reference.parameter
),

of_stays as (
    select
        sum(
            cast(
                epoch_us(
                    coalesce(
                        s.ends_at,
                        case
                            when s.starts_at < a.as_of then a.as_of
                            when s.starts_at = a.as_of and s.presence = 'overdue' then a.as_of + interval 1 microsecond
                            else s.starts_at + a.open_time
                        end
                    )
                ) - epoch_us(s.starts_at) as hugeint
            ) * 2520 // s.candidate_count
        ) as parts
    from core.stay_piece as s
    cross join parameter as a
    where not s.is_home or a.count_home
),

of_exposure as (
    select
        sum(cast(epoch_us(ends_at) - epoch_us(starts_at) as hugeint) * 2520 // candidate_count) as parts,
        sum(case when candidate_count > 10 then 1 else 0 end) as rounded_count
    from core.exposure_interval
),

of_weeks as (
    select sum(person_days) as person_days
    from mart.exposure_by_week
)

select
    s.parts as stay_parts,
    e.parts as exposure_parts,
    w.person_days
from of_stays as s
cross join of_exposure as e
cross join of_weeks as w
where
    abs(coalesce(s.parts, 0) - coalesce(e.parts, 0)) > coalesce(e.rounded_count, 0)
    or abs(coalesce(cast(s.parts as double) / 2520.0 / 86400000000.0, 0) - coalesce(w.person_days, 0)) > 0.000001
    * greatest(1.0, coalesce(w.person_days, 0) / 1000000.0)
