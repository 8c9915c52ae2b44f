//! File descriptors: as many as the system gives, shared out between those who take them.

use hooklab_shared::limits::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for the store's files, the listeners, the standard streams and the runtime.
const RESERVED: u64 = 64;

/// Raises the soft limit to the hard one; the number of descriptors there may be now.
pub(super) fn raise() -> u64 {
    let found = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: found.maximum, maximum: found.maximum };
    // Where it cannot be raised, what there is has to do.
    let now = if setrlimit(Resource::Nofile, raised).is_ok() { raised } else { found };
    now.current.unwrap_or(u64::MAX)
}

/// Limits whose connections, all open at once, leave descriptors over for the rest.
pub(super) fn share(limits: Limits, descriptors: u64) -> Limits {
    let given = usize::try_from(descriptors.saturating_sub(RESERVED)).unwrap_or(usize::MAX);
    // Half to whoever sends, since floods come there, where there are few; where there are many, a
    // quarter will do, and above 16,384 memory is the limit.
    let capture_connections_max = (given / 2).min((given / 4).max(4_096)).clamp(8, 16_384);
    let dashboard_connections_max = (given / 8).clamp(8, 2_048);
    let attempts_max = (given / 16).clamp(8, limits.attempts_max);
    let taken = capture_connections_max + dashboard_connections_max + attempts_max;
    Limits {
        capture_connections_max,
        dashboard_connections_max,
        attempts_max,
        // Watchers outlive their dashboard permits, so they are counted apart.
        watchers_max: given.saturating_sub(taken).clamp(8, limits.watchers_max),
        ..limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_leave_something_over() {
        for descriptors in [256, 1_024, 4_096, 65_536, u64::MAX] {
            let limits = share(Limits::default(), descriptors);
            let taken = limits.capture_connections_max
                + limits.dashboard_connections_max
                + limits.watchers_max
                + limits.attempts_max;
            assert!((taken as u64) + RESERVED <= descriptors, "{descriptors}");
        }
        assert_eq!(share(Limits::default(), 1_024).capture_connections_max, 480);
        assert!(share(Limits::default(), 20_000).watchers_max > 10_000);
        assert!(share(Limits::default(), 0).capture_connections_max > 0);
    }
}
