//! What time it is, and how fast waits go by.

use std::time::{Duration, SystemTime};

use hooklab_shared::id::Timestamp;

/// The wall clock, and the scale that waits are shrunk by. Timeouts are never shrunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    scale: u32,
    /// Tests move tokio's clock: the wall then goes along with it.
    #[cfg(test)]
    moved: Option<(Timestamp, tokio::time::Instant)>,
}

impl Clock {
    /// A clock whose waits go by `scale` times as fast.
    pub(crate) fn new(scale: u32) -> Self {
        Self {
            scale: scale.max(1),
            #[cfg(test)]
            moved: None,
        }
    }

    /// The same, going along with tokio's clock from this instant.
    #[cfg(test)]
    pub(crate) fn moved_by_tokio(self) -> Self {
        Self { moved: Some((SystemTime::now().into(), tokio::time::Instant::now())), ..self }
    }

    /// This instant.
    pub(crate) fn now(self) -> Timestamp {
        #[cfg(test)]
        if let Some((began, at)) = self.moved {
            return began + at.elapsed();
        }
        SystemTime::now().into()
    }

    /// How many times as fast waits go by.
    pub(crate) fn scale(self) -> u32 {
        self.scale
    }

    /// A wait, shrunk.
    pub(crate) fn wait(self, real: Duration) -> Duration {
        real / self.scale
    }
}
