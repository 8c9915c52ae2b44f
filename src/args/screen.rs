//! The first screen: what there is, grouped by use, with a line to try for each.

/// clap's template of `hooklab --help`.
pub(super) const TEMPLATE: &str = "\
hooklab {version}: webhooks offline, both sides of the wire.

Usage: hooklab [COMMAND] [OPTIONS]

Begin
  demo         the walkthrough, step by step      hooklab demo
  serve        receiver, sender and dashboard     hooklab serve --bin orders

Receive
  bin          make, list, show, set, clear,      hooklab bin create orders --reply fail-twice
               delete
  tail         captures as they come              hooklab tail orders
  captures     those that a query asks for        hooklab captures orders --query 'size>1k'
  show         one, as you want to see it         hooklab show orders latest --view
  schema       what its bodies have in common     hooklab schema orders
  export       HAR, NDJSON, curl, bundle          hooklab export orders --format har
  import       what was exported                  hooklab import orders orders.ndjson
  strays       what belongs to no bin             hooklab strays
  held         what waits for your answer         hooklab held orders
  answer       answers it                         hooklab answer orders ID --status 200

Send
  send         any body to any URL, signed,       hooklab send payment_received --to URL
               bent on purpose; no server needed
  webhook      add, list, show, edit, activate,   hooklab webhook list --sort last
               deactivate, delete, test, rotate
  events       the catalogue of event types:      hooklab events payment_received
               list, show; add, delete, export,
               import your own
  fire         fire an event                      hooklab fire payment_received --seed 7
  deliveries   what was sent, and what came back  hooklab deliveries --status exhausted
  forward      new captures, as they come         hooklab forward orders --to URL
  replay       old captures again                 hooklab replay orders 42 43 --to URL
  load         a rate, with latency and losses    hooklab load --bin orders --rate 500

Operate
  ready        is the server ready?               hooklab ready --wait 10s
  completions  for your shell                     hooklab completions bash
  man          the manual page                    hooklab man | man -l -

`hooklab COMMAND --help` tells all of a command, `hooklab exit-codes` what each code means.

Everywhere
  --server URL    the dashboard to talk to          [HOOKLAB_SERVER, http://127.0.0.1:4666]
  --token TOKEN   its token: env:NAME, file:PATH    [HOOKLAB_TOKEN]
                  or - keep it off the command line
  --json          data as JSON, a stream as lines   [HOOKLAB_JSON]
  --color WHEN    auto, always or never             [HOOKLAB_COLOR, auto]
  -h, --help      this screen, or that of a command
  -V, --version   the release
";
