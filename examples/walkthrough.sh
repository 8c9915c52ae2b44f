#!/usr/bin/env bash
# The walkthrough by hand, against a running `hooklab serve`: a bin, a webhook, a test event, and
# what arrived. HOOKLAB_SERVER names the server, if it is not the default one. Needs jq.
set -euo pipefail

bin="walkthrough-$$"

url=$(hooklab bin create "$bin" --json | jq -r .url)
echo "1. the bin $bin catches whatever is sent to $url"

id=$(hooklab webhook add --name Bookkeeping --url "$url" --event payment_received --json |
    jq -r .id)
echo "2. webhook $id sends every Payment Received there"

echo "3. Send Test Event:"
hooklab webhook test "$id"

echo "4. what arrived:"
hooklab show "$bin" latest

hooklab webhook delete "$id"
hooklab bin delete "$bin"
