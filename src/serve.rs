//! `serve`: from checked settings to listeners, halves and dashboard, and back to nothing.

mod bind;
mod bins;
mod descriptors;
pub(crate) mod ready;
mod server;
mod settings;
mod stop;
mod store;
mod tls;

pub(crate) use bind::Host;
pub(crate) use server::Server;
pub(crate) use settings::Settings;
pub(crate) use stop::Wish;
pub(crate) use store::Store;
pub(crate) use tls::Tls;

use crate::args::serve::ServeArgs;
use crate::exit::{Code, Failure};
use crate::log::Log;
use crate::report::Report;
use ready::ReadyFile;

/// Serves until told to stop; the first wish is granted with grace, the second at once.
pub(crate) async fn run(
    args: &ServeArgs,
    token: Option<&str>,
    report: &mut Report,
) -> Result<Code, Failure> {
    let _log = Log::start(&args.log, args.log_format)?;
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
    tracing::info!(capture = ready.capture, dashboard = %ready.dashboard, "ready");
    wish.made().await;
    tracing::info!("stopping");
    let code = tokio::select! {
        () = server.stop() => Code::Done,
        () = wish.made_again() => Code::Forced,
    };
    tracing::info!("stopped");
    drop(file);
    Ok(code)
}
