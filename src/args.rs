//! The command line as typed.

mod file;
mod screen;
pub(crate) mod serve;
pub(crate) mod value;

use std::ffi::OsString;

use clap::builder::FalseyValueParser;
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use hooklab_shared::id::BadBinName;

use crate::client::Address;
use crate::commands::bin::BinCommand;
use crate::commands::captures::CapturesArgs;
use crate::commands::deliveries::DeliveriesArgs;
use crate::commands::demo::DemoArgs;
use crate::commands::events::EventsArgs;
use crate::commands::export::ExportArgs;
use crate::commands::fire::FireArgs;
use crate::commands::forward::ForwardArgs;
use crate::commands::held::{AnswerArgs, HeldArgs};
use crate::commands::import::ImportArgs;
use crate::commands::load::LoadArgs;
use crate::commands::manual::{CompletionsArgs, ManArgs};
use crate::commands::ready::ReadyArgs;
use crate::commands::replay::ReplayArgs;
use crate::commands::schema::SchemaArgs;
use crate::commands::send::SendArgs;
use crate::commands::show::ShowArgs;
use crate::commands::strays::StraysArgs;
use crate::commands::tail::TailArgs;
use crate::commands::webhook::WebhookCommand;
use crate::exit::CODES;
use crate::report::paint::ColorWhen;
use serve::ServeArgs;

/// Webhooks offline, both sides of the wire
#[derive(Parser)]
#[command(name = "hooklab", version, help_template = screen::TEMPLATE)]
#[command(disable_help_subcommand = false, subcommand_required = false, max_term_width = 100)]
pub(crate) struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub(crate) globals: Globals,
    /// The command; `serve` where there is none.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What every command takes.
#[derive(Args, Clone)]
pub(crate) struct Globals {
    /// The dashboard's address of the server to talk to
    #[arg(long, global = true, env = "HOOKLAB_SERVER", value_name = "URL")]
    #[arg(default_value = "http://127.0.0.1:4666", help_heading = "Everywhere")]
    pub(crate) server: Address,

    /// The dashboard's token; env:NAME, file:PATH or - keep it off the command line
    #[arg(long, global = true, env = "HOOKLAB_TOKEN", hide_env_values = true)]
    #[arg(value_name = "TOKEN", help_heading = "Everywhere")]
    pub(crate) token: Option<String>,

    /// Print data as JSON; a stream as one object a line
    #[arg(long, global = true, env = "HOOKLAB_JSON", value_parser = FalseyValueParser::new())]
    #[arg(action = clap::ArgAction::SetTrue, help_heading = "Everywhere")]
    pub(crate) json: bool,

    /// When to colour
    #[arg(long, global = true, env = "HOOKLAB_COLOR", value_enum, value_name = "WHEN")]
    #[arg(default_value_t = ColorWhen::Auto, hide_possible_values = true)]
    #[arg(help_heading = "Everywhere", help = "When to colour: auto, always or never")]
    pub(crate) color: ColorWhen,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Receiver, sender and dashboard in one process (also without any command)
    Serve(Box<ServeArgs>),
    /// The walkthrough: a bin, a webhook, Send Test Event, and the payload that arrives
    Demo(DemoArgs),
    /// Make, list, show, set, clear and delete bins
    #[command(subcommand, arg_required_else_help = true)]
    Bin(BinCommand),
    /// Captures of a bin, or of all, as they come; resumes by itself when the connection is lost
    Tail(TailArgs),
    /// Captures of a bin that a query asks for
    Captures(CapturesArgs),
    /// One capture: told, raw, understood, as curl, or beside another
    Show(ShowArgs),
    /// The JSON Schema that the bodies of a bin have in common
    Schema(SchemaArgs),
    /// A bin's captures as HAR, NDJSON, curl commands or a bundle
    Export(ExportArgs),
    /// Captures that were exported, into a bin
    Import(ImportArgs),
    /// Requests that belong to no bin, or could not be parsed
    Strays(StraysArgs),
    /// Requests that are kept waiting for an answer by hand
    Held(HeldArgs),
    /// Answer one of those that wait
    Answer(AnswerArgs),
    /// Send to any URL, nothing registered: any body, any signature, any planned fault
    Send(Box<SendArgs>),
    /// Add, list, show, edit, activate, deactivate, delete, test webhooks
    #[command(subcommand, arg_required_else_help = true)]
    Webhook(WebhookCommand),
    /// The catalogue of event types, one of them, or your own: add, delete, export, import
    Events(EventsArgs),
    /// Fire an event to every active webhook that waits for it
    Fire(FireArgs),
    /// The delivery log, or one delivery with its requests and answers
    Deliveries(DeliveriesArgs),
    /// New captures of a bin to other URLs as they come: as captured, or reshaped and signed
    Forward(Box<ForwardArgs>),
    /// Old captures of a bin to other URLs again
    Replay(Box<ReplayArgs>),
    /// A rate of deliveries, with latencies, and an account of what arrived in a bin
    Load(Box<LoadArgs>),
    /// Whether the server is ready, or wait until it is
    Ready(ReadyArgs),
    /// A completion script for your shell
    Completions(CompletionsArgs),
    /// The manual page, for man -l -
    Man(ManArgs),
    /// What each exit code means
    #[command(hide = true, before_help = CODES, help_template = "{before-help}")]
    ExitCodes,
}

/// Reads a command line; without a command it is `serve`, whose flags may then stand alone, over
/// what `hooklab.toml` says.
///
/// # Errors
/// clap's, which knows how to print itself.
pub(crate) fn parse(typed: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut typed: Vec<OsString> = typed.into_iter().collect();
    let cli = typed_alone(&mut typed).map_err(in_words)?;
    file::under(cli, &typed)
}

/// Where a value's own error says all there is to say, as a fragment that completes "failed to …".
fn in_words(error: clap::Error) -> clap::Error {
    let source = std::error::Error::source(&error);
    match source.and_then(|source| source.downcast_ref::<BadBinName>()) {
        Some(bad) => clap::Error::raw(error.kind(), format!("failed to {bad}\n")),
        None => error,
    }
}

/// Reads a command line, and puts `serve` into it where no command stands.
fn typed_alone(typed: &mut Vec<OsString>) -> Result<Cli, clap::Error> {
    let error = match Cli::try_parse_from(&*typed) {
        Ok(Cli { command: Some(command), globals }) => {
            return Ok(Cli { command: Some(command), globals });
        }
        Ok(_) => None,
        Err(error) => Some(error),
    };
    let begins_with_flag =
        typed.get(1).is_none_or(|first| first.as_encoded_bytes().starts_with(b"-"));
    match error {
        Some(error) if !begins_with_flag || error.kind() != ErrorKind::UnknownArgument => {
            Err(error)
        }
        _ => {
            put_serve_into(typed);
            Cli::try_parse_from(&*typed)
        }
    }
}

fn put_serve_into(typed: &mut Vec<OsString>) {
    if typed.is_empty() {
        typed.push("hooklab".into());
    }
    typed.insert(1, "serve".into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn typed(line: &str) -> Result<Cli, clap::Error> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn the_definition_holds() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_is_serve_and_its_flags_may_stand_alone() {
        for line in ["hooklab", "hooklab --json", "hooklab --port 0 --bin a --bin b", ""] {
            let cli = typed(line).unwrap();
            assert!(matches!(cli.command, Some(Command::Serve(_))), "{line}");
        }
        let Some(Command::Serve(args)) = typed("hooklab --port 0 --bin a").unwrap().command else {
            panic!("not serve")
        };
        assert_eq!((args.port, args.bins.len()), (0, 1));
    }

    #[test]
    fn mistakes_are_told_where_they_were_made() {
        for line in ["hooklab --prot 0", "hooklab bin create A", "hooklab nosuch", "hooklab bin"] {
            let error = typed(line).err().unwrap();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
        assert_eq!(typed("hooklab --help").err().unwrap().exit_code(), 0);
        assert_eq!(typed("hooklab --version").err().unwrap().exit_code(), 0);
        let error = typed("hooklab bin create Orders").err().unwrap().to_string();
        assert!(error.starts_with("error: failed to use `Orders` as a bin's name"), "{error}");
        assert!(error.contains("a-z, 0-9"), "{error}");
    }

    #[test]
    fn the_first_screen_names_every_command() {
        let help = typed("hooklab --help").err().unwrap().to_string();
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            assert!(help.contains(&format!("  {}", command.get_name())), "{}", command.get_name());
        }
        for flag in Cli::command().get_arguments().filter_map(|arg| arg.get_long()) {
            assert!(help.contains(&format!("--{flag} ")), "{flag}");
        }
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
}
