//! The wish to stop: a signal, a second one, or a parent that has ended.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{Code, Failure};

/// How often the parent is looked for: soon enough for a test run, too seldom to be seen in `top`.
const PARENT_EVERY: Duration = Duration::from_millis(200);

/// Whoever may wish that this process stops.
pub(crate) struct Wish {
    interrupt: Signal,
    terminate: Signal,
    parent: Option<u32>,
}

impl Wish {
    /// Begins to listen: from here on Ctrl-C and SIGTERM no longer kill.
    pub(crate) fn listen(with_parent: bool) -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::new(Code::Bug, format!("wait for signals: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            parent: with_parent.then(std::os::unix::process::parent_id),
        })
    }

    /// Returns at the first wish.
    pub(crate) async fn made(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = ended(self.parent) => {}
        }
    }

    /// Returns at the next Ctrl-C: somebody does not want to wait.
    pub(crate) async fn made_again(&mut self) {
        self.interrupt.recv().await;
    }
}

/// A death signal would come when the parent's *thread* ends, so the parent is asked for instead.
async fn ended(parent: Option<u32>) {
    let Some(parent) = parent else { return std::future::pending().await };
    while std::os::unix::process::parent_id() == parent {
        tokio::time::sleep(PARENT_EVERY).await;
    }
}
