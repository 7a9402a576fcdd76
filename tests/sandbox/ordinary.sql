-- Queries of every common shape, one to a paragraph; all pass the gate and are answered on a demo.

select * from stay limit 10;

from exposure_by_week;

from current_exposure select country_code, count(*) as people group by all order by people desc;

select distinct affiliation from traveller order by 1;

select distinct on (traveller_id) traveller_id, place_name, starts_at from stay order by traveller_id, starts_at desc;

select country_code, count(distinct traveller_id) as travellers, round(sum(person_days_actual), 1) as days
from (select e.country_code, e.traveller_id, w.person_days_actual from exposure as e
      left join exposure_by_week as w using (place_id, risk_level)) group by country_code having count(*) > 1;

select t.affiliation, count(*) filter (where c.risk_level >= 4) as high, count(*) as all_of_them
from current_exposure as c join traveller as t using (traveller_id) group by t.affiliation;

select s.stay_id, e.risk_level from stay as s left join exposure as e on e.stay_id = s.stay_id where e.stay_id is null;

select count(*) from stay semi join exposure using (stay_id);

select count(*) from stay anti join exposure using (stay_id);

select * from stay natural join (select stay_id from exposure) limit 5;

select a.stay_id, b.rating_id from exposure as a asof join rating_period as b
on a.place_id = b.place_id and a.starts_at >= b.valid_from limit 10;

select * from traveller cross join publication limit 3;

with recent as (select * from stay where starts_at >= timestamp '2026-01-01'), counted as
(select traveller_id, count(*) as stays from recent group by 1) select stays, count(*) from counted group by 1 order by 1;

with recursive weeks(d) as (select date '2026-01-05' union all select d + 7 from weeks where d < date '2026-03-01')
select w.d, count(e.week_start_date) from weeks as w left join exposure_by_week as e on e.week_start_date = w.d group by 1;

with a as materialized (select country_code from stay) select count(*) from a;

select week_start_date, sum(person_days) as days, sum(sum(person_days)) over (order by week_start_date) as running
from exposure_by_week group by 1 order by 1;

select traveller_id, starts_at, lag(ends_at) over w as before, row_number() over w as number
from stay window w as (partition by traveller_id order by starts_at) order by 1, 2 limit 20;

select *, rank() over (partition by country_code order by weight desc) as r from stay qualify r <= 2 limit 50;

select week_start_date, avg(days) over (order by week_start_date rows between 3 preceding and current row)
from (select week_start_date, sum(person_days) as days from exposure_by_week group by 1);

select starts_at, count(*) over (order by starts_at range between interval 7 days preceding and current row) from stay limit 9;

select ntile(4) over (order by weight), percent_rank() over (order by weight), first_value(stay_id) over (order by starts_at),
nth_value(stay_id, 2) over (order by starts_at), dense_rank() over (order by presence) from stay limit 5;

pivot exposure_by_week on risk_level using sum(person_days) group by country_code;

pivot (select presence, country_code from stay) on presence using count(*);

pivot exposure_by_week on risk_level in (1, 2, 3, 4, 5) using sum(person_days) as days, sum(arrivals) as arrivals
group by week_start_date order by week_start_date limit 4;

with recent as (select * from exposure_by_week) pivot recent on affiliation using sum(travellers) group by risk_level;

select * from (pivot stay on is_home using count(*) group by presence) order by presence;

unpivot (select stay_id, latitude, longitude from stay limit 5) on latitude, longitude into name axis value degrees;

from stay unpivot (instant for which in (starts_at, ends_at)) select which, count(*) group by 1;

select evidence[1], len(evidence), list_sort(evidence), list_contains(evidence, 'x') from stay limit 5;

select stay_id, unnest(evidence) as proof from stay limit 10;

select s.stay_id, e.proof from stay as s, unnest(s.evidence) as e(proof) limit 10;

select list_transform(evidence, lambda x: split_part(x, ':', 1)) as feeds from stay limit 5;

select [x for x in range(10) if x % 2 = 0] as even, list_filter([1, 2, 3], lambda x: x > 1);

select list(distinct country_code order by country_code) from stay;

select string_agg(distinct place_name, ', ' order by place_name) from stay where country_code = 'FR';

select {'name': place_name, 'at': [latitude, longitude]} as place, struct_pack(a := 1).a from stay limit 2;

select map {'a': 1}['a'], map_keys(map {'a': 1}), histogram(presence) from stay;

select date_trunc('month', starts_at) as month, count(*) from stay group by 1 order by 1;

select starts_at + interval 3 days, starts_at::date - date '2026-01-01', date_diff('day', starts_at, ends_at),
extract(year from starts_at), isodow(starts_at), strftime(starts_at, '%Y-W%V') from stay limit 5;

select (starts_at at time zone 'UTC') at time zone 'Europe/London' as london from stay limit 3;

select time_bucket(interval 1 week, starts_at, timestamp '2026-01-05'), last_day(starts_at::date), make_date(2026, 1, 2),
date_part(['year', 'month'], starts_at), age(ends_at, starts_at), epoch(ends_at - starts_at) / 3600 from stay limit 3;

select * from range(date '2026-01-01', date '2026-02-01', interval 7 days) as d(day);

select day, (select count(*) from stay where starts_at <= day and ends_at > day) as present
from generate_series(timestamp '2026-11-01', timestamp '2026-11-07', interval 1 day) as g(day);

select place_name from stay where regexp_matches(place_name, '^(San|Saint|São) ') group by 1;

select regexp_extract(trip_id, '([A-Z]+)-(\d+)', 2), regexp_replace(trip_id, '\D', '', 'g') from trip limit 5;

select place_name from stay where place_name ilike '%on%' and place_name not like 'A%' and place_name ~ 'n$' group by all;

select lower(place_name), upper(presence), length(place_name), trim(place_name), strip_accents(place_name),
left(place_name, 3), place_name || ' ' || country_code, concat_ws('-', presence, country_code), replace(place_name, 'a', 'b'),
lpad(presence, 12, '.'), format('{} in {}', presence, place_name), printf('%.2f', weight) from stay limit 4;

select quantile_cont(weight, [0.25, 0.5, 0.75]), median(weight), stddev(weight), mode(presence), mad(weight),
percentile_cont(0.9) within group (order by weight), approx_quantile(weight, 0.5), arg_max(place_name, weight) from stay;

select corr(latitude, longitude), regr_slope(latitude, longitude), approx_count_distinct(traveller_id), entropy(presence) from stay;

select case when risk_level >= 4 then 'high' when risk_level is null then 'not known' else 'other' end as level, count(*)
from exposure group by 1;

select coalesce(risk_level, 0), nullif(presence, 'likely'), ifnull(risk_level, 9), greatest(1, weight), if(is_open, 1, 0)
from exposure limit 3;

select risk_level, presence, sum(weight) from exposure group by rollup (risk_level, presence) order by all;

select risk_level, presence, grouping(risk_level), count(*) from exposure group by cube (risk_level, presence);

select risk_level, presence, count(*) from exposure group by grouping sets ((risk_level), (presence), ());

select country_code from stay union select country_code from rating_period except select 'FR' order by 1;

select 1 as a, 'x' as b union all by name select 'y' as b;

select * exclude (latitude, longitude) replace (upper(presence) as presence) from stay limit 2;

select columns('.*_at') from stay limit 2;

select min(columns(* exclude (evidence))) from stay;

select * from stay using sample 5 rows;

select * from stay where presence in ('likely', 'possible') and weight between 0.1 and 1 and region_code is not null
and (country_code, presence) in (select country_code, presence from exposure) order by starts_at desc nulls last limit 5 offset 2;

select exists (select 1 from stay where is_home), 1 = any (select 1), not exists (select 1 from stay where weight > 1);

select traveller_id from traveller as t where (select count(*) from stay as s where s.traveller_id = t.traveller_id) > 3;

select try_cast(place_id as bigint), cast(weight as decimal(9, 4)), stay_id::varchar, try(1 / 0) from stay limit 3;

select to_json({'a': 1}), '{"a": [1, 2]}'::json -> '$.a', '{"a": 1}'::json ->> 'a', json_extract('{"a": 2}', '$.a');

select haversine.km from (select 2 * 6371 * asin(sqrt(pow(sin(radians(latitude - 50.45) / 2), 2)
+ cos(radians(50.45)) * cos(radians(latitude)) * pow(sin(radians(longitude - 30.52) / 2), 2))) as km from stay) as haversine
where km < 500 order by 1 limit 5;

values (1, 'one'), (2, 'two');

table publication;

select country: country_code, people: count(distinct traveller_id) from stay group by all order by all;

summarize stay;

summarize select risk_level, weight from exposure;

describe exposure;

describe select country_code, sum(weight) from exposure group by 1;

show tables;

show all tables;

explain select count(*) from exposure where risk_level > 3;

explain analyze select country_code, count(*) from exposure group by 1;
