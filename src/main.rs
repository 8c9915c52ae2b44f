//! hooklab: webhooks offline, both sides of the wire.

mod args;
mod client;
mod commands;
mod dashboard;
mod exit;
mod log;
mod report;
mod serve;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use args::{Cli, Command};
use exit::{Code, Failure};
use report::Report;

fn main() -> ExitCode {
    let cli = match args::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            // Help into a pipe that nobody reads is as good as read.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Code::Usage as u8));
        }
    };
    let mut report = Report::standard(cli.globals.json, cli.globals.color);
    // The hook has told of the panic; what is left is the exit code that says whose fault it is.
    let ended = catch_unwind(AssertUnwindSafe(|| run(&cli, &mut report)))
        .unwrap_or_else(|_| Err(Failure::new(Code::Bug, "go on: this is a bug, please report it")));
    let code = ended.unwrap_or_else(|failure| {
        report.failure(&failure);
        failure.code
    });
    ExitCode::from(code as u8)
}

fn run(cli: &Cli, report: &mut Report) -> Result<Code, Failure> {
    let Some(command) = &cli.command else { return Ok(Code::Done) };
    let runtime = runtime(matches!(command, Command::Serve(_) | Command::Demo(_)))?;
    let ended = runtime.block_on(commands::run(command, &cli.globals, report));
    // Whoever still reads standard input must not hold the process up.
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended
}

/// A server takes every core; a command that asks one question does not start threads for it.
fn runtime(serving: bool) -> Result<Runtime, Failure> {
    let mut builder =
        if serving { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    builder
        .enable_all()
        .build()
        .map_err(|error| Failure::usage(format!("start the runtime: {error}")))
}
