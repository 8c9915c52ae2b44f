//! Work that must not hold up those who capture: reading the store, and looking into captures.

use hooklab_shared::problem::Problem;

use crate::Receiver;
use crate::receiver::store_problem;
use crate::store::StoreError;

/// Reads the store on a thread of its own, because a read may wait for the disk.
pub(super) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    away(move || read().map_err(|error| store_problem(&error))).await
}

/// Looks into captures on a thread of its own, few at once: each may take a core for a while, and
/// many times a body in memory.
pub(super) async fn look<T: Send + 'static>(
    receiver: &Receiver,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let Ok(permit) = receiver.looks().acquire_owned().await else {
        return Err(Problem::new(503, "store", "hooklab is stopping").retry_after(1));
    };
    away(move || {
        let looked = work();
        drop(permit);
        looked
    })
    .await
}

async fn away<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(Problem::new(500, "bug", "the work ended in a panic: a bug")),
    }
}
