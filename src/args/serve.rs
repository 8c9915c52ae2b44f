//! The flags of `serve`, as typed.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, ValueEnum};
use hooklab_sender::AllowTarget;
use hooklab_shared::bin::NewBin;
use hooklab_shared::cidr::Cidr;
use hooklab_shared::id::BinName;
use hooklab_shared::span::Span;

use super::value;
use crate::log;
use crate::serve::{Store, Tls};

/// The flags of `serve`.
#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; localhost is both 127.0.0.1 and ::1
    #[arg(long, env = "HOOKLAB_HOST", default_value = "localhost", help_heading = "Listening")]
    pub(crate) host: String,

    /// The capture listener's port; 0 takes a free one
    #[arg(long, env = "HOOKLAB_PORT", default_value_t = 4665, help_heading = "Listening")]
    pub(crate) port: u16,

    /// The dashboard listener's port [default: the one after --port]
    #[arg(long, env = "HOOKLAB_DASHBOARD_PORT", value_name = "PORT")]
    #[arg(help_heading = "Listening")]
    pub(crate) dashboard_port: Option<u16>,

    /// Capture over TLS, HTTP/2 included: self-signed, or CERT,KEY, two PEM files
    #[arg(long, env = "HOOKLAB_TLS", value_name = "CERT,KEY", help_heading = "Listening")]
    pub(crate) tls: Option<Tls>,

    /// Believe the forwarding headers of this proxy: an address or a CIDR; may be given more than
    /// once
    #[arg(long = "trusted-proxy", env = "HOOKLAB_TRUSTED_PROXY", value_name = "CIDR")]
    #[arg(value_delimiter = ',', help_heading = "Listening")]
    pub(crate) trusted_proxies: Vec<Cidr>,

    /// Serve one half only: receiver or sender
    #[arg(long, env = "HOOKLAB_ONLY", value_enum, value_name = "HALF")]
    #[arg(help_heading = "Listening", hide_possible_values = true)]
    pub(crate) only: Option<Half>,

    /// A directory, or memory: to keep nothing [default: hooklab in the XDG state directory]
    #[arg(long, env = "HOOKLAB_STORE", value_name = "WHERE", help_heading = "Keeping")]
    pub(crate) store: Option<Store>,

    /// How far a capture is written before it is answered: process survives kill -9, disk a power
    /// cut [default: process]
    #[arg(long, env = "HOOKLAB_DURABILITY", value_enum, value_name = "LEVEL")]
    #[arg(help_heading = "Keeping", hide_possible_values = true)]
    pub(crate) durability: Option<Level>,

    /// Keep the newest so many captures, of all bins together
    #[arg(long, env = "HOOKLAB_KEEP_CAPTURES", value_name = "N", help_heading = "Keeping")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) keep_captures: Option<u64>,

    /// Keep the newest captures that fit in so many bytes: 500m, 2g
    #[arg(long, env = "HOOKLAB_KEEP_BYTES", value_name = "SIZE", help_heading = "Keeping")]
    #[arg(value_parser = value::bytes)]
    pub(crate) keep_bytes: Option<u64>,

    /// Keep captures that are younger than this: 12h, 7d
    #[arg(long, env = "HOOKLAB_KEEP_AGE", value_name = "DURATION", help_heading = "Keeping")]
    #[arg(value_parser = value::age)]
    pub(crate) keep_age: Option<Span>,

    /// Keep the newest so many deliveries in the log [default: 100000]
    #[arg(long, env = "HOOKLAB_KEEP_DELIVERIES", value_name = "N", help_heading = "Keeping")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) keep_deliveries: Option<u64>,

    /// Keep deliveries in the log that are younger than this [default: 30d]
    #[arg(long, env = "HOOKLAB_KEEP_DELIVERIES_AGE", value_name = "DURATION")]
    #[arg(value_parser = value::age, help_heading = "Keeping")]
    pub(crate) keep_deliveries_age: Option<Span>,

    /// Make this bin at start; may be given more than once
    #[arg(long = "bin", env = "HOOKLAB_BIN", value_name = "NAME", value_delimiter = ',')]
    #[arg(help_heading = "Keeping")]
    pub(crate) bins: Vec<BinName>,

    /// Answer 404 to a request for a bin that does not exist, instead of making it
    #[arg(long, env = "HOOKLAB_NO_AUTO_CREATE", value_parser = FalseyValueParser::new())]
    #[arg(action = ArgAction::SetTrue, help_heading = "Keeping")]
    pub(crate) no_auto_create: bool,

    /// Another name by which the dashboard may be called; may be given more than once
    #[arg(long = "allowed-host", env = "HOOKLAB_ALLOWED_HOST", value_name = "HOST")]
    #[arg(value_delimiter = ',', help_heading = "Walls")]
    pub(crate) allowed_hosts: Vec<String>,

    /// Start without a token on an address that others can reach
    #[arg(long, env = "HOOKLAB_INSECURE_NO_AUTH", value_parser = FalseyValueParser::new())]
    #[arg(action = ArgAction::SetTrue, help_heading = "Walls")]
    pub(crate) insecure_no_auth: bool,

    /// A target that deliveries may go to besides this machine: CIDR, host or *; may be given
    /// more than once
    #[arg(long = "allow-target", env = "HOOKLAB_ALLOW_TARGET", value_name = "TARGET")]
    #[arg(value_delimiter = ',', help_heading = "Walls")]
    pub(crate) allow_targets: Vec<AllowTarget>,

    /// Let retries, throttles and deactivation come so many times sooner: a schedule of days in
    /// seconds, for tests
    #[arg(long, env = "HOOKLAB_TIME_SCALE", value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    #[arg(help_heading = "Running")]
    pub(crate) time_scale: u32,

    /// Serve the REST API of Ultimate Multisite below /wp-json/wu/v2 to whoever shows KEY:SECRET;
    /// env:NAME, file:PATH or - keep them off the command line
    #[arg(long, env = "HOOKLAB_PLUGIN_API", hide_env_values = true, value_name = "KEY:SECRET")]
    #[arg(help_heading = "Walls")]
    pub(crate) plugin_api: Option<String>,

    /// Flags and bins from this file [default: hooklab.toml, if it is there]
    #[arg(long, env = "HOOKLAB_CONFIG", value_name = "FILE", help_heading = "Running")]
    pub(crate) config: Option<PathBuf>,

    /// What to log: off, error, warn, info, debug, trace, or MODULE=LEVEL,…
    #[arg(long, env = "HOOKLAB_LOG", value_name = "LEVEL", default_value = log::LEVEL)]
    #[arg(help_heading = "Running")]
    pub(crate) log: String,

    /// How to log: text, or json, one object a line
    #[arg(long, env = "HOOKLAB_LOG_FORMAT", value_enum, value_name = "FORMAT")]
    #[arg(default_value_t, hide_possible_values = true, help_heading = "Running")]
    pub(crate) log_format: log::Format,

    /// Write the ready line to this file too, whole or not at all; it goes when the server does
    #[arg(long, env = "HOOKLAB_READY_FILE", value_name = "PATH", help_heading = "Running")]
    pub(crate) ready_file: Option<PathBuf>,

    /// Stop when the process that started this one has ended
    #[arg(long, env = "HOOKLAB_EXIT_WITH_PARENT", value_parser = FalseyValueParser::new())]
    #[arg(action = ArgAction::SetTrue, help_heading = "Running")]
    pub(crate) exit_with_parent: bool,

    /// Open the dashboard in the browser
    #[arg(long, env = "HOOKLAB_OPEN", value_parser = FalseyValueParser::new())]
    #[arg(action = ArgAction::SetTrue, help_heading = "Running")]
    pub(crate) open: bool,

    /// The bins that the file tells of.
    #[arg(skip)]
    pub(crate) told_bins: Vec<NewBin>,
}

/// One half of hooklab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Half {
    /// Bins and what they capture
    Receiver,
    /// Webhooks, events and deliveries
    Sender,
}

/// A level of durability that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// Written to the operating system before the answer
    Process,
    /// Synced to the disk before the answer
    Disk,
}
