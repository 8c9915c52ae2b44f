//! Every bound in one place, each with the reason for its number.

use std::time::Duration;

/// The bounds of both listeners and of the store. `Default` is what `serve` starts with.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A head in bytes: eight times what common servers take, so that odd clients get through.
    pub head_bytes_max: usize,
    /// A captured body in bytes: above what any provider of webhooks sends (GitHub caps at 25 MiB).
    pub body_bytes_max: usize,
    /// A captured chunked body in bytes with its framing: room for small chunks, an end to endless
    /// zeros and extensions.
    pub body_wire_bytes_max: usize,
    /// An API request's body in bytes: a reply program or an event's payload, with room.
    pub api_body_bytes_max: usize,
    /// Connections of the capture listener: what a laptop's descriptor limit of 1,024 leaves.
    pub capture_connections_max: usize,
    /// Connections of the dashboard, apart from those of the capture listener, so that a flood on
    /// one never closes the other.
    pub dashboard_connections_max: usize,
    /// From a head's first byte to its last: slow links need a second, attacks need more.
    pub head_timeout: Duration,
    /// Between two pieces of a body.
    pub body_idle_timeout: Duration,
    /// Between two pieces of an answer that the client takes.
    pub write_stall_timeout: Duration,
    /// Between two requests of one connection.
    pub keep_alive_timeout: Duration,
    /// From the wish to stop to the moment when what is still open is cut.
    pub drain_timeout: Duration,
    /// Bins in all: each costs about 400 bytes, and anyone who reaches the port can make one.
    pub bins_max: usize,
    /// Captures in one page of a list.
    pub page_captures_max: usize,
    /// Live messages that a bin remembers for watchers that lag; who lags more reads the store.
    pub live_messages_max: usize,
    /// Watchers in all.
    pub watchers_max: usize,
    /// Strays that are remembered; the oldest go.
    pub strays_max: usize,
    /// Looks into captures at once (queries, filters, views, signatures): each may take a core.
    pub looks_max: usize,
    /// An import in bytes: a bin of a million small captures; it waits on disk while it is checked.
    pub import_bytes_max: u64,
    /// Registered webhooks: every event is matched against them, and nobody lists more by hand.
    pub webhooks_max: usize,
    /// Own event types: each is held in memory, its schema compiled, and nobody picks from more.
    pub event_types_max: usize,
    /// Schema and sample of one own event type in bytes: with the number of them, 64 MiB in all.
    pub event_type_bytes_max: usize,
    /// Attempts in flight at once: each may hold a connection and 64 KiB for the whole timeout.
    pub attempts_max: usize,
    /// Attempts in flight to one target (scheme, host and port), of all its webhooks together, so
    /// that one that hangs leaves room for seven others even before it is known to.
    pub target_attempts_max: usize,
    /// Attempts in flight to one webhook: what a small server takes at once.
    pub webhook_attempts_max: usize,
    /// A kept answer of a target in bytes: enough for an error page, too little to be flooded with.
    pub answer_bytes_max: usize,
    /// From an attempt's first step to the answer's last byte; most providers wait 5 to 30 s.
    pub attempt_timeout: Duration,
    /// The same for the profile `ultimate-multisite`: the plugin waits this long.
    pub multisite_attempt_timeout: Duration,
    /// How long `fire` waits for first attempts, where it is asked to: longer than any attempt, and
    /// shorter than clients wait; a webhook that is held back may take its time.
    pub fire_wait_timeout: Duration,
    /// For connecting alone, within the attempt's timeout: what WordPress and curl scripts give it.
    pub connect_timeout: Duration,
    /// Idle connections kept to one target: as many as may be in flight to it.
    pub idle_connections_of_target_max: usize,
    /// Idle connections kept in all: a quarter of a laptop's descriptor limit of 1,024.
    pub idle_connections_max: usize,
    /// How long a connection waits for its next request: below the 5 s after which Node and Apache
    /// close it, so that a request seldom meets the end of its connection.
    pub idle_connection_timeout: Duration,
    /// A page of deliveries in bytes of what they hold: beyond it the page ends, and says so.
    pub page_bytes_max: usize,
    /// Changes that wait for the sender's store; who brings more waits before its door.
    pub store_queue_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 64 * 1024,
            body_bytes_max: 32 * 1024 * 1024,
            body_wire_bytes_max: 64 * 1024 * 1024,
            api_body_bytes_max: 4 * 1024 * 1024,
            capture_connections_max: 768,
            dashboard_connections_max: 192,
            head_timeout: Duration::from_secs(10),
            body_idle_timeout: Duration::from_secs(30),
            write_stall_timeout: Duration::from_secs(30),
            keep_alive_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(5),
            bins_max: 200_000,
            page_captures_max: 500,
            live_messages_max: 1_024,
            watchers_max: 20_000,
            strays_max: 1_000,
            looks_max: 4,
            import_bytes_max: 4 * 1024 * 1024 * 1024,
            webhooks_max: 10_000,
            event_types_max: 500,
            event_type_bytes_max: 128 * 1024,
            attempts_max: 256,
            target_attempts_max: 32,
            webhook_attempts_max: 16,
            answer_bytes_max: 64 * 1024,
            attempt_timeout: Duration::from_secs(15),
            multisite_attempt_timeout: Duration::from_secs(45),
            fire_wait_timeout: Duration::from_secs(100),
            connect_timeout: Duration::from_secs(10),
            idle_connections_of_target_max: 64,
            idle_connections_max: 256,
            idle_connection_timeout: Duration::from_secs(3),
            page_bytes_max: 8 * 1024 * 1024,
            store_queue_max: 1_024,
        }
    }
}

/// What checking a signature may cost: the sender of a request chooses how much there is to check.
impl Limits {
    /// Ed25519 entries of one request that are tried: tens of µs each, and rotation needs two.
    pub const ED25519_ENTRIES_MAX: usize = 32;
    /// Signatures of one HTTP message that are tried: one for each key, and one of a proxy.
    pub const HTTP_SIGNATURES_MAX: usize = 8;
    /// Components that one HTTP signature may cover: twice what any profile in use covers.
    pub const HTTP_COMPONENTS_MAX: usize = 64;
    /// A body in bytes that is searched for a cause: what any provider stays below.
    pub const WHY_NOT_BODY_BYTES_MAX: usize = 1024 * 1024;
    /// Candidates tried in search of a cause: all pairs of changes for three secrets.
    pub const WHY_NOT_CANDIDATES_MAX: usize = 8_192;
    /// Bytes hashed in search of a cause: every single change of a body of 1 MiB, and some pairs.
    pub const WHY_NOT_HASHED_BYTES_MAX: usize = 128 * 1024 * 1024;
    /// Lines and entries of one field that are tried alone in search of a cause: a proxy makes two.
    pub const WHY_NOT_LINES_MAX: usize = 8;
    /// Other known secrets that are tried in search of a cause, less with a long body: one for each
    /// of a developer's bins.
    pub const WHY_NOT_SECRETS_MAX: usize = 64;
    /// Pieces of a signature header that are looked at in search of a cause.
    pub const WHY_NOT_ENTRIES_MAX: usize = 64;
}

/// What answering may cost: it is done while the request waits, and anyone may send one.
impl Limits {
    /// Content in bytes that is parsed as JSON for a reply program: above what webhooks hold, and
    /// parsed it takes up to a hundred times its length in memory.
    pub const REPLY_JSON_BYTES_MAX: usize = 512 * 1024;
    /// What a template of a reply program may write in bytes, and the content that it sees.
    pub const TEMPLATE_BYTES_MAX: usize = 4 * 1024 * 1024;
}

/// What one `send` may be: it runs without a queue, so it ends in the time of whoever waits for it.
impl Limits {
    /// Targets of one: a few services that take the same event.
    pub const SEND_TARGETS_MAX: usize = 16;
    /// Deliveries of one from the command line: what a laptop sends in minutes.
    pub const SEND_DELIVERIES_MAX: usize = 100_000;
    /// Deliveries of one over the API: its report is one answer, with every request and response.
    pub const SEND_API_DELIVERIES_MAX: usize = 100;
    /// Over the API, all of it in this time; what has not begun by then is counted as unsent.
    pub const SEND_API_TIMEOUT: Duration = Duration::from_secs(60);
    /// Sends over the API at once: each holds its payloads and its report.
    pub const SENDS_MAX: usize = 4;
    /// Deliveries of one in flight at once: the connections that a descriptor limit of 256 leaves.
    pub const SEND_CONCURRENCY_MAX: usize = 128;
    /// Bodies made huge on purpose that are in flight at once, in bytes.
    pub const SEND_IN_FLIGHT_BYTES_MAX: usize = 256 * 1024 * 1024;
    /// Deliveries a second at least: one in a quarter of an hour.
    pub const SEND_RATE_MIN: f64 = 0.001;
    /// Deliveries a second at most: `load` is for more.
    pub const SEND_RATE_MAX: f64 = 10_000.0;
    /// Tries of one delivery: what Standard Webhooks' own schedule has.
    pub const SEND_ATTEMPTS_MAX: usize = 10;
    /// A body in bytes, made huge or given: above what receivers take by default.
    pub const SEND_BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
    /// A request's body in bytes that a report repeats: beyond, its length and digest tell it.
    pub const SEND_TOLD_BODY_BYTES_MAX: usize = 64 * 1024;
    /// Planned faults of one: there are not many more kinds.
    pub const SEND_FAULTS_MAX: usize = 16;
}

/// What captures cost that go on, and what goes out as load.
impl Limits {
    /// Targets of one run: each takes a lane, a connection and a copy of what goes out.
    pub const FORWARD_TARGETS_MAX: usize = 16;
    /// Captures that wait for a target, as their seqs; beyond it the slowest target holds up the
    /// others, since what it has not had yet must be kept somewhere.
    pub const FORWARD_WAITING_MAX: usize = 4_096;
    /// What is told and not yet heard: a slow reader holds up the deliveries, not the memory.
    pub const FORWARD_TOLD_MAX: usize = 256;
    /// Times a delivery is tried again: captures behind it wait all the while.
    pub const FORWARD_RETRIES_MAX: usize = 20;
    /// How far a target may put the next attempt off, for the same reason.
    pub const FORWARD_RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
    /// Bins that a capture goes through: longer chains are loops, or nobody's plan.
    pub const FORWARD_HOPS_MAX: usize = 8;
    /// Captures of one replay over the API: its report is one answer.
    pub const REPLAY_API_CAPTURES_MAX: usize = 500;
    /// Over the API, all of it in this time; what has not begun by then is left out, and said so.
    pub const REPLAY_API_TIMEOUT: Duration = Duration::from_secs(60);
    /// Replays over the API at once: each holds captures and its report.
    pub const REPLAYS_MAX: usize = 4;
    /// Deliveries a second: above what one machine sends.
    pub const LOAD_RATE_MAX: f64 = 100_000.0;
    /// The longest run: what there is to be seen of a target is seen in an hour.
    pub const LOAD_DURATION_MAX: Duration = Duration::from_secs(3_600);
    /// Connections of one run: what the ports and descriptors of one machine carry.
    pub const LOAD_CONNECTIONS_MAX: usize = 1_000;
    /// Deliveries of one run: each takes 9 bytes until it is accounted for.
    pub const LOAD_DELIVERIES_MAX: u64 = 10_000_000;
    /// Times one is tried again, which is at once.
    pub const LOAD_RETRIES_MAX: u32 = 20;
    /// Kinds of failure that are told apart: a target that fails in a new way each time just fails.
    pub const LOAD_FAILURES_MAX: usize = 32;
}

/// The bounds of looking into a capture. What is looked at was sent by anyone, and is understood
/// on demand, so each bound is what one look may cost.
#[derive(Clone, Copy, Debug)]
pub struct ViewLimits {
    /// Content codings in a row: two are met in the wild, and each multiplies what a bomb can do.
    pub codings_max: usize,
    /// Bytes that one content coding may yield: above what webhooks hold, below what hurts.
    pub decoded_bytes_max: usize,
    /// How many times its input one content coding may yield: real JSON stays below 100.
    pub decoded_ratio_max: usize,
    /// Bytes that may be yielded whatever the ratio: short and repetitive is not an attack.
    pub decoded_bytes_free: usize,
    /// Nesting of JSON: what common parsers take, and a stack carries.
    pub json_depth_max: usize,
    /// Values of one JSON text: they take about 64 bytes each while it is looked at.
    pub json_values_max: usize,
    /// Bytes of text in one view, all parts together: deep JSON grows a hundredfold when laid out.
    pub text_bytes_max: usize,
    /// Fields of a form: above what any form has, below what a page can show.
    pub fields_max: usize,
    /// Parts of a multipart body: the same.
    pub parts_max: usize,
    /// Bytes of binary content that are shown in hex: enough to tell what it is.
    pub hex_bytes_max: usize,
    /// Entries of one difference: nobody reads more.
    pub diff_entries_max: usize,
    /// Lines of a text that is compared line by line: one that has more is compared as bytes.
    pub diff_lines_max: usize,
    /// Lines removed and added that are searched for the shortest way between two texts: the cost
    /// grows with the square.
    pub diff_edits_max: usize,
    /// Levels of an inferred schema: deeper ones are rare, and unreadable.
    pub schema_depth_max: usize,
    /// Fields and items of an inferred schema, all levels together.
    pub schema_nodes_max: usize,
    /// Captures that a schema is inferred from: more do not change it.
    pub schema_samples_max: usize,
}

impl Default for ViewLimits {
    fn default() -> Self {
        Self {
            codings_max: 4,
            decoded_bytes_max: 8 * 1024 * 1024,
            decoded_ratio_max: 200,
            decoded_bytes_free: 64 * 1024,
            json_depth_max: 128,
            json_values_max: 500_000,
            text_bytes_max: 16 * 1024 * 1024,
            fields_max: 10_000,
            parts_max: 1_000,
            hex_bytes_max: 256,
            diff_entries_max: 10_000,
            diff_lines_max: 200_000,
            diff_edits_max: 1_000,
            schema_depth_max: 32,
            schema_nodes_max: 10_000,
            schema_samples_max: 10_000,
        }
    }
}
