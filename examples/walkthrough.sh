#!/usr/bin/env bash
# The walkthrough by hand, against a running `hooklab serve`: a bin, a webhook, a test event, and
# what arrived. HOOKLAB_SERVER names the server; without it, the default one is meant.
set -euo pipefail

bin="walkthrough-$$"
field() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1; }

url=$(hooklab bin create "$bin" --json | field url)
echo "1. the bin $bin catches whatever is sent to $url"

id=$(hooklab webhook add --name "Bookkeeping" --url "$url" --event payment_received --json |
    field id)
echo "2. webhook $id sends every Payment Received there"

echo "3. Send Test Event:"
hooklab webhook test "$id"

echo "4. what arrived:"
hooklab show "$bin" latest

hooklab webhook delete "$id"
hooklab bin delete "$bin"
