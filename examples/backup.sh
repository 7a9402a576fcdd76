#!/bin/sh
# Back up a home, also while it is being used or run:   backup.sh HOME FILE.tar
# It takes what cannot be made again; publications, staged files and Dagster's records can. The archive holds personal data and
# the secrets of the home: encrypt it, and keep copies of the data elsewhere than secret.key. Restore:
#   mkdir -m 700 NEW && tar -xpf FILE.tar -C NEW && muster run --home NEW
set -eu
umask 077
[ $# -eq 2 ] || { echo "Use: backup.sh HOME FILE.tar" >&2; exit 2; }
case $2 in /*) out=$2 ;; *) out=$PWD/$2 ;; esac
cd "$1"
[ -f home.json ] || { echo "$1 is no home of Muster." >&2; exit 1; }
list=$(mktemp)
trap 'rm -f "$list" "$out.part"' EXIT
{
    find . -maxdepth 1 -type f ! -name '.*'
    # The head of the access log before the log: a log that is longer than its head is whole.
    for name in contracts templates decisions erasures reports/first logs/access.head logs/access.log logs/sent.jsonl; do
        [ ! -e "$name" ] || echo "./$name"
    done
    # A ledger entry is written last, so what is listed here is whole; what lands from now on is left to the next backup.
    find ./landing -mindepth 2 -maxdepth 2 -type f -name '*.json' ! -name '.*' ! -name '*.account.json' | while read -r entry; do
        echo "$entry"
        echo "${entry%.json}"
        [ ! -e "${entry%.json}.release" ] || echo "${entry%.json}.release"
    done
} > "$list"
# 1 says that a file grew while it was read, as the access log does; a file that is gone is 2, and the backup is made again.
tar --create --file "$out.part" --verbatim-files-from --files-from "$list" || [ $? -eq 1 ]
mv "$out.part" "$out"
