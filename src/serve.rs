//! `serve`: from checked settings to listeners, halves and dashboard, and back to nothing.

mod bind;
mod descriptors;
pub(crate) mod ready;
mod server;
mod settings;
mod stop;
mod store;

pub(crate) use bind::Host;
pub(crate) use server::Server;
pub(crate) use settings::Settings;
pub(crate) use stop::Wish;
pub(crate) use store::Store;

use crate::args::serve::ServeArgs;
use crate::exit::{Code, Failure};
use crate::report::Report;
use ready::ReadyFile;

/// Serves until told to stop; the first wish is granted with grace, the second at once.
pub(crate) async fn run(
    args: &ServeArgs,
    token: Option<&str>,
    report: &mut Report,
) -> Result<Code, Failure> {
    let settings = Settings::check(args, token)?;
    let mut wish = Wish::listen(settings.exit_with_parent)?;
    let file = settings.ready_file.as_deref().map(ReadyFile::prepare).transpose()?;
    let server = Server::start(&settings).await?;
    let ready = server.ready();
    if let Some(file) = &file {
        file.write(&ready)?;
    }
    // Whoever read the ready line may have gone since; a server is there for others too.
    if let Err(failure) = ready::announce(report, &ready, &settings) {
        report.failure(&failure);
    }
    if settings.open {
        ready::open_browser(report, &ready);
    }
    wish.made().await;
    let code = tokio::select! {
        () = server.stop() => Code::Done,
        () = wish.made_again() => Code::Forced,
    };
    drop(file);
    Ok(code)
}
