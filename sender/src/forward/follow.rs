//! New captures, as they come.

use hooklab_shared::id::Seq;

use super::lane::Waiting;
use super::{Run, Told};
use crate::source::{Followed, SourceError};

/// Gives every capture after `after` to the targets until it is to stop, or the bin is deleted.
pub(super) async fn feed(
    run: &mut Run,
    after: Seq,
    query: Option<String>,
) -> Result<(), SourceError> {
    let mut follow = run.source.follow(Some(after), query);
    loop {
        let followed = tokio::select! {
            biased;
            () = run.stopped() => return Ok(()),
            followed = follow.next() => followed?,
        };
        let told = match followed {
            Followed::Capture(seq) => match run.give(Waiting::Capture(seq)).await {
                true => continue,
                false => return Ok(()),
            },
            Followed::Open(after) => Told::Following { after },
            Followed::Gap { from, to, reason } => {
                run.give(Waiting::Gone(to)).await;
                Told::Gap { from, to, reason }
            }
            Followed::Lost(after) => Told::Lost { after },
            Followed::Anew => {
                run.give(Waiting::Gone(0)).await;
                Told::Anew
            }
            Followed::Deleted => {
                run.tell(Told::Deleted).await;
                return Ok(());
            }
        };
        run.tell(told).await;
    }
}
