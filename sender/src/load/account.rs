//! What arrived of what was sent. Pure: arrivals come in as values, in the order of the bin.

use std::time::Duration;

use hooklab_shared::id::Timestamp;
use serde::Serialize;

use super::record::Sent;

/// Deliveries that are named in the report: where to begin to look.
const NAMED_MAX: usize = 10;

/// A capture that holds a delivery of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Its number in the run.
    pub(super) number: u64,
    /// When it was received.
    pub(super) at: Timestamp,
    /// Whether it came whole and was answered with 2xx: what was refused did not arrive.
    pub(super) accepted: bool,
}

/// Every delivery of a run against what the bin captured.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Accounted {
    /// The bin.
    pub bin: String,
    /// Answered with 2xx, and captured.
    pub delivered: u64,
    /// Answered with 2xx, and never captured.
    pub lost: u64,
    /// Accepted by the bin more than once.
    pub doubled: u64,
    /// Received later than the bound after they should have begun.
    pub late: u64,
    /// Received for the first time after a later one; with several connections that is no wonder.
    pub out_of_order: u64,
    /// Captured and answered with 2xx, of which the sender never heard.
    pub unacknowledged: u64,
    /// Not answered with 2xx, and not accepted.
    pub failed: u64,
    /// Captures of the run that were refused: of attempts that came to nothing.
    pub refused: u64,
    /// Captures that are none of this run's.
    pub others: u64,
    /// Whether the bin still had everything when it was read; where it had not, what is missing may
    /// have been dropped by retention, and is not called lost.
    pub complete: bool,
    /// Captures that retention dropped meanwhile.
    pub dropped: u64,
    /// The first of those that were lost, by their number.
    pub lost_first: Vec<u64>,
    /// The first of those that were doubled, by their number.
    pub doubled_first: Vec<u64>,
}

/// The account as it is being drawn up.
#[derive(Debug)]
pub(super) struct Account {
    sent: Vec<Sent>,
    accepted: Vec<u8>,
    began: Timestamp,
    late: Duration,
    newest: Option<u64>,
    told: Accounted,
}

impl Account {
    /// Of what was sent from `began` on; an arrival is late after so long.
    pub(super) fn new(sent: Vec<Sent>, began: Timestamp, late: Duration) -> Self {
        let accepted = vec![0; sent.len()];
        Self { sent, accepted, began, late, newest: None, told: Accounted::default() }
    }

    /// Takes the next capture of the bin; nothing where it is none of this run's.
    pub(super) fn take(&mut self, arrival: Option<Arrival>) {
        let place = arrival.and_then(|arrival| usize::try_from(arrival.number).ok());
        let place = place.filter(|&place| place < self.sent.len());
        let (Some(arrival), Some(place)) = (arrival, place) else {
            self.told.others += 1;
            return;
        };
        if !arrival.accepted {
            self.told.refused += 1;
            return;
        }
        let times = self.accepted[place].saturating_add(1);
        self.accepted[place] = times;
        match times {
            1 => self.first(arrival, place),
            2 => {
                self.told.doubled += 1;
                if self.told.doubled_first.len() < NAMED_MAX {
                    self.told.doubled_first.push(arrival.number);
                }
            }
            _ => {}
        }
    }

    /// How many that were answered with 2xx have not been seen yet.
    pub(super) fn missing(&self) -> u64 {
        self.lost().count() as u64
    }

    /// The account, once everything that is there was taken.
    pub(super) fn close(mut self, bin: &str, dropped: u64) -> Accounted {
        for (sent, accepted) in self.sent.iter().zip(&self.accepted) {
            match (sent.answered, accepted) {
                (Some(true), 1..) => self.told.delivered += 1,
                (Some(false) | None, 1..) => self.told.unacknowledged += 1,
                (Some(false), 0) => self.told.failed += 1,
                (Some(true) | None, 0) => {}
            }
        }
        let complete = dropped == 0;
        if complete {
            self.told.lost = self.missing();
            self.told.lost_first = self.lost().take(NAMED_MAX).collect();
        }
        Accounted { bin: bin.to_owned(), complete, dropped, ..self.told }
    }

    fn first(&mut self, arrival: Arrival, place: usize) {
        let due = self.began.as_micros() + i64::from(self.sent[place].due_us);
        let after = Duration::from_micros((arrival.at.as_micros() - due).max(0).unsigned_abs());
        self.told.late += u64::from(after > self.late);
        self.told.out_of_order += u64::from(self.newest > Some(arrival.number));
        self.newest = self.newest.max(Some(arrival.number));
    }

    fn lost(&self) -> impl Iterator<Item = u64> {
        let both = self.sent.iter().zip(&self.accepted).zip(0..);
        both.filter(|((sent, accepted), _)| sent.answered == Some(true) && **accepted == 0)
            .map(|(_, number)| number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(answered: &[bool], arrivals: &[(u64, i64, bool)], dropped: u64) -> Accounted {
        let sent = answered.iter().zip(0..).map(|(&answered, number)| Sent {
            due_us: number * 1_000_000,
            answered: Some(answered),
        });
        let began = Timestamp::from_micros(1_790_000_000_000_000);
        let mut account = Account::new(sent.collect(), began, Duration::from_secs(1));
        for &(number, second, accepted) in arrivals {
            let at = Timestamp::from_micros(began.as_micros() + second * 1_000_000);
            account.take(Some(Arrival { number, at, accepted }));
        }
        account.close("orders", dropped)
    }

    #[test]
    fn everything_once_and_in_order_is_delivered() {
        let told = account(&[true; 3], &[(0, 0, true), (1, 2, true), (2, 3, true)], 0);
        let want = Accounted {
            bin: "orders".into(),
            delivered: 3,
            complete: true,
            ..Accounted::default()
        };
        assert_eq!(told, want);
    }

    #[test]
    fn what_was_promised_and_is_not_there_is_lost() {
        let told = account(&[true, true, false], &[(1, 1, true)], 0);
        assert_eq!((told.delivered, told.lost, told.failed), (1, 1, 1));
        assert_eq!(told.lost_first, [0]);
        let told = account(&[true, true, false], &[(1, 1, true)], 5);
        assert_eq!((told.lost, told.complete, told.dropped), (0, false, 5), "it may be dropped");
    }

    #[test]
    fn what_was_refused_did_not_arrive_and_is_no_double() {
        let told = account(&[true], &[(0, 0, false), (0, 0, false), (0, 1, true)], 0);
        assert_eq!((told.delivered, told.doubled, told.refused), (1, 0, 2));
        let told = account(&[true, false], &[(0, 0, true), (0, 0, true), (0, 0, true)], 0);
        assert_eq!((told.delivered, told.doubled, told.failed), (1, 1, 1));
        assert_eq!(told.doubled_first, [0]);
        let told = account(&[false], &[(0, 0, true)], 0);
        assert_eq!((told.delivered, told.unacknowledged, told.failed), (0, 1, 0));
    }

    #[test]
    fn late_and_out_of_order_are_those_of_the_first_arrival() {
        let arrivals = [(1, 1, true), (0, 9, true), (2, 2, true), (1, 9, true), (7, 0, true)];
        let told = account(&[true; 3], &arrivals, 0);
        assert_eq!((told.late, told.out_of_order, told.doubled, told.others), (1, 1, 1, 1));
    }
}
