//! The commands, one file each; `serve` has a room of its own.

pub(crate) mod bin;
pub(crate) mod captures;
mod catalogue;
pub(crate) mod deliveries;
pub(crate) mod demo;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod fire;
pub(crate) mod forward;
pub(crate) mod held;
pub(crate) mod import;
pub(crate) mod load;
pub(crate) mod manual;
pub(crate) mod ready;
pub(crate) mod replay;
pub(crate) mod schema;
pub(crate) mod send;
pub(crate) mod show;
pub(crate) mod strays;
pub(crate) mod tail;
pub(crate) mod webhook;

use crate::args::{Command, Globals, value};
use crate::client::Client;
use crate::exit::{CODES, Code, Failure};
use crate::report::Report;
use crate::serve;

/// Runs a command to its end.
pub(crate) async fn run(
    command: &Command,
    globals: &Globals,
    report: &mut Report,
) -> Result<Code, Failure> {
    match command {
        Command::Serve(args) => return serve::run(args, globals.token.as_deref(), report).await,
        Command::Demo(args) => return Box::pin(demo::run(args, report)).await,
        Command::Send(args) => {
            return Box::pin(send::run(args, || client(globals), report)).await;
        }
        Command::Completions(args) => return manual::completions(args, report),
        Command::Man(args) => return manual::man(args, report),
        Command::ExitCodes => return report.line(CODES).map(|()| Code::Done),
        _ => {}
    }
    let variable = std::env::var("HOOKLAB_SERVER").ok();
    report.at_server(globals.server.flag(variable.as_deref()));
    let client = client(globals)?;
    match command {
        Command::Bin(command) => bin::run(command, &client, report).await,
        Command::Tail(args) => tail::run(args, &client, report).await,
        Command::Captures(args) => captures::run(args, &client, report).await,
        Command::Show(args) => show::run(args, &client, report).await,
        Command::Schema(args) => schema::run(args, &client, report).await,
        Command::Export(args) => export::run(args, &client, report).await,
        Command::Import(args) => import::run(args, &client, report).await,
        Command::Strays(args) => strays::run(args, &client, report).await,
        Command::Held(args) => held::list(args, &client, report).await,
        Command::Answer(args) => held::answer(args, &client, report).await,
        Command::Webhook(command) => webhook::run(command, &client, report).await,
        Command::Events(args) => events::run(args, &client, report).await,
        Command::Fire(args) => fire::run(args, &client, report).await,
        Command::Forward(args) => forward::run(args, &client, report).await,
        Command::Replay(args) => replay::run(args, &client, report).await,
        Command::Load(args) => load::run(args, &client, report).await,
        Command::Deliveries(args) => deliveries::run(args, &client, report).await,
        Command::Ready(args) => ready::run(args, &client, report).await,
        Command::Serve(_)
        | Command::Demo(_)
        | Command::Send(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::ExitCodes => Ok(Code::Done),
    }
}

/// The server that these name.
fn client(globals: &Globals) -> Result<Client, Failure> {
    let token = globals.token.as_deref().map(value::secret).transpose()?;
    Ok(Client::new(globals.server.clone(), token))
}
