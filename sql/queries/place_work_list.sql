-- title: Place texts to settle with a line in places.csv, by the person-days that hang on them
select
    place_text,
    place_status,
    match_method,
    place_name,
    country_code,
    stays,
    travellers,
    round(person_days, 1) as person_days
from mart.place_issue
order by person_days desc, place_text asc, candidate_number asc
