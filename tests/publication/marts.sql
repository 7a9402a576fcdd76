create schema land; create schema reference; create schema core; create schema mart;
create table land.file as select 'a' as file_sha256 union all select 'b';
create table reference.parameter as select
    timestamp '2026-11-22 08:00:00' as as_of, timestamp '2026-11-22 08:00:00' as known_at,
    'America/New_York' as office_timezone, 'c0ffee' as configuration_sha256, false as count_home;

create table mart.traveller as select * from (values
    ('t_ann', 'student', true), ('t_bob', 'faculty', true), ('t_cat', 'staff', true), ('t_dan', 'student', false),
    ('t_eve', 'student', true), ('t_fay', 'staff', true), ('t_gus', 'staff', true)
) as v(traveller_id, affiliation, is_on_roster);

create table mart.traveller_contact as select
    traveller_id,
    'Name of ' || traveller_id as full_name,
    traveller_id || '@example.org' as email,
    '+1 555 01' as mobile_phone
from mart.traveller;

-- ann: confirmed in Nairobi; bob: unknown place; cat: overdue in Kyiv since long; dan: last year;
-- eve: changes planes; fay: goes next month; gus: at home
create table mart.stay as select
    stay_id, traveller_id, 'trip ' || stay_id as trip_id, place_id, place_name, country_code, null::varchar as region_code,
    latitude, longitude, starts_at::timestamp as starts_at, ends_at::timestamp as ends_at,
    starts_at::timestamp as since_at, ends_at::timestamp as until_at, presence,
    weight::double as weight, is_home, place_status, place_precision as "precision", false as is_zone_assumed,
    [stay_id] as evidence
from (values
    ('s1', 't_ann', '184745', 'Nairobi', 'KE', -1.28, 36.82, '2026-11-20', '2026-11-25', 'confirmed', 1, false, 'resolved', 'city'),
    ('s2', 't_bob', 'unknown:camp', 'camp', null, null, null, '2026-11-21', '2026-11-30', 'likely', 1, false, 'unknown', 'unknown'),
    ('s3', 't_cat', '703448', 'Kyiv', 'UA', 50.45, 30.52, '2026-09-01', null, 'overdue', 1, false, 'resolved', 'city'),
    ('s4', 't_dan', '184745', 'Nairobi', 'KE', -1.28, 36.82, '2025-11-20', '2025-11-25', 'confirmed', 1, false, 'resolved', 'city'),
    ('s5', 't_eve', '2643743', 'London', 'GB', 51.5, -0.12, '2026-11-22 06:00', '2026-11-22 10:00', 'transit', 1, false, 'resolved', 'city'),
    ('s6', 't_fay', '2643743', 'London', 'GB', 51.5, -0.12, '2026-12-20', '2026-12-24', 'confirmed', 1, false, 'resolved', 'city'),
    ('s7', 't_gus', '4347778', 'Baltimore', 'US', 39.29, -76.61, '2026-11-01', null, 'confirmed', 1, true, 'resolved', 'city')
) as v(stay_id, traveller_id, place_id, place_name, country_code, latitude, longitude, starts_at, ends_at, presence, weight,
    is_home, place_status, place_precision);

create table mart.exposure as select
    stay_id || '/' || starts_at as exposure_id, stay_id, traveller_id, trip_id, place_id, place_name, country_code,
    e.starts_at::timestamp as starts_at, e.ends_at::timestamp as ends_at, presence, weight,
    level as security_level, level as medical_level, level as level_highest, level as level_most_specific,
    level as risk_level, level as worst_case_level, rating_status, 'none' as evacuation_status, e.is_open
from (values
    ('s1', '2026-11-20', '2026-11-23', 3, 'rated', false), ('s1', '2026-11-23', '2026-11-25', 4, 'rated', false),
    ('s2', '2026-11-21', '2026-11-30', null::integer, 'place_unknown', false),
    ('s3', '2026-09-01', '2026-11-22 08:00', 5, 'rated', true),
    ('s4', '2025-11-20', '2025-11-25', 3, 'rated', false),
    ('s5', '2026-11-22 06:00', '2026-11-22 10:00', 2, 'rated', false),
    ('s6', '2026-12-20', '2026-12-24', 2, 'rated', false)
) as e(stay_id, starts_at, ends_at, level, rating_status, is_open)
join (select * exclude (starts_at, ends_at, since_at, until_at) from mart.stay) using (stay_id);

create table mart.current_exposure as select e.*, s.starts_at as since_at, s.ends_at as until_at
from mart.exposure as e join mart.stay as s using (stay_id)
where s.starts_at <= timestamp '2026-11-22 08:00:00' and (s.ends_at is null or s.ends_at > timestamp '2026-11-22 08:00:00')
    and e.starts_at <= timestamp '2026-11-22 08:00:00'
    and (e.is_open or e.ends_at > timestamp '2026-11-22 08:00:00');

create table mart.open_exposure as
select stay_id, traveller_id, place_id, ends_at as starts_at, null::timestamp as ends_at,
    security_level, medical_level, risk_level, worst_case_level, rating_status, evacuation_status
from mart.exposure where is_open;

create table mart.rating_period as select 'r1' as rating_id, 'demo' as provider, true as is_invented;
create table mart.rejected_record as select
    'people' as feed, 'a' as file_sha256, 7 as record_number, 8 as line_number, 'a date is wrong' as reason,
    'RAW-MARKER someone@example.org'::blob as raw;
create table mart.feed_status as select * from (values
    ('bookings', 'stale', timestamp '2026-11-01 00:00:00', false), ('people', 'current', timestamp '2026-11-22 00:00:00', false),
    ('alerts', 'missing', null, true)
) as v(feed, status, newest_received_at, is_optional);
create table mart.landed_file as select
    'people' as feed, 'people.csv' as file_name, repeat('a', 64) as file_sha256, timestamp '2026-11-22 00:00:00' as received_at,
    'loaded' as file_status, 10 as records, 8 as loaded, 1 as rejected, 1 as blank, null::varchar as message;
create table mart.trip as
select trip_id, traveller_id, 'active' as trip_status, min(starts_at) as starts_at, max(ends_at) as ends_at,
    false as is_incomplete
from mart.stay group by all;
create table mart.data_quality as select 'a check' as check_name, 'warning' as severity, 'stay' as table_name,
    1 as failing_rows, 'one row' as message;
