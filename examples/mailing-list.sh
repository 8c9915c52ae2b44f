#!/usr/bin/env bash
# Each new user's name and e-mail address, from the event, to a mailing list. A bin stands for the
# list's API: it takes who gives its key, and nobody else. Runs against a `hooklab serve`;
# HOOKLAB_SERVER names it, if it is not the default one. Needs jq.
set -euo pipefail

users="users-$$" list="list-$$"
export LIST_AUTHORIZATION="Bearer list-key-$$"

echo "1. the bin $list stands for the mailing list's API"
jq -n --arg key "$LIST_AUTHORIZATION" '[
    {match: {headers: {authorization: $key}}, status: 201, body: "subscribed\n"},
    {status: 401, body: "who are you?\n"}]' |
    hooklab bin create "$list" --reply - --json >"$list.json"
api=$(jq -r .url "$list.json")/members
rm "$list.json"

echo "2. new users are events, and a webhook sends each to the bin $users"
url=$(hooklab bin create "$users" --json | jq -r .url)
webhooks=()
for event in customer_created subsite_user_registered; do
    webhooks+=("$(hooklab webhook add --name "New users" --url "$url" --event "$event" \
        --profile ultimate-multisite --json | jq -r .id)")
done

echo "3. a forward makes a member of each user"
member='.body.json
    | {name: (.customer_name // .new_user_login), email: (.customer_user_email // .new_user_email)}
    | select(.email)'
hooklab forward "$users" --to "$api" --jq "$member" --header 'Authorization: env:LIST_AUTHORIZATION' \
    --from-start &
forward=$!

hooklab fire customer_created --seed 1
hooklab fire subsite_user_registered --seed 2
# What is no new user makes no member.
curl -s "$url" -d '{"comment":"hello"}' >/dev/null

until [ "$(hooklab captures "$list" --json | jq '.items | length')" -ge 2 ]; do sleep 0.1; done
kill -TERM "$forward"
wait "$forward"

echo "4. the members that the list has now:"
for seq in 1 2; do
    hooklab show "$list" "$seq" --body
    echo
done

for id in "${webhooks[@]}"; do hooklab webhook delete "$id"; done
hooklab bin delete "$users"
hooklab bin delete "$list"
