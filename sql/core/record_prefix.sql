-- Grain: one row: what the evidence of a record begins with, by the number of its file.
-- Rules: F1. A segment_key holds the numbers of file and record; a lookup in this list is far less work than a join of
-- every segment behind a row. Each text begins with ten digits that keep it in its place.
with files as (
    select
        file_number,
        concat(feed, ':', substr(file_sha256, 1, 12), ':') as prefix
    from land.file
),

numbers as (
    select unnest(generate_series(1, last_number)) as file_number
    from (select max(file_number) as last_number from files) as last_file
    where last_number is not null
)

select
    list_sort(
        list(concat(lpad(cast(n.file_number as varchar), 10, '0'), coalesce(f.prefix, '')))
    ) as prefixes
from numbers as n
left join files as f on n.file_number = f.file_number
