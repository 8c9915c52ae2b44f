//! A run, told as it goes, to its end or to Ctrl-C.

use hooklab_sender::forward::{Running, Tally};
use hooklab_shared::id::Seq;

use super::tell;
use crate::exit::Failure;
use crate::report::Report;
use crate::serve::Wish;

/// Tells what happens until all is over, and gives `keep` the place that was come to. The first
/// Ctrl-C lets what is in flight end; nothing is left to be said after a second one.
pub(crate) async fn to_the_end(
    running: &mut Running,
    wish: &mut Wish,
    report: &mut Report,
    mut keep: impl FnMut(Seq) -> Result<(), Failure>,
) -> Result<Option<Tally>, Failure> {
    let mut tally = Tally::default();
    let mut stopping = false;
    loop {
        let wished = async {
            match stopping {
                true => wish.made_again().await,
                false => wish.made().await,
            }
        };
        let told = tokio::select! {
            told = running.next() => told,
            () = wished => {
                if stopping {
                    return Ok(None);
                }
                running.stop();
                stopping = true;
                continue;
            }
        };
        keep(running.place())?;
        let Some(told) = told else { return Ok(Some(tally)) };
        tally.count(&told);
        tell::one(report, &told)?;
    }
}
