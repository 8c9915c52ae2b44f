//! Turns that were answered before SQLite committed them.

use std::path::Path;
use std::time::Duration;

use hooklab_shared::delivery::{AttemptOutcome, DeliveryState};
use hooklab_shared::id::Timestamp;
use uuid::Uuid;

use super::turn::Patience;
use super::*;
use crate::delivery::Wanted;

const ID: Uuid = Uuid::from_u128(1);

/// One with a webhook and deliveries of it, the first one with this id.
async fn with_deliveries(place: &Place, count: u128) -> Store {
    let store = Store::open(place, 8, Clock::new(1)).unwrap().0;
    let fill = move |connection: &Connection| {
        connection.execute_batch(
            "INSERT INTO webhook (name, url, event, profile, active, integration, created_at, \
             modified_at) \
             VALUES ('a', 'http://127.0.0.1/', 'e', 'standard-webhooks', 1, '', 0, 0); \
             INSERT INTO event (id, type, created_at, payload) VALUES ('1', 'e', 0, '{}')",
        )?;
        for id in 1..=count {
            connection.execute(
                "INSERT INTO delivery (id, event_id, event, webhook, target, profile, test, state, \
                 created_at, due_at, lane) VALUES (?1, '1', 'e', 1, '', 'standard-webhooks', 0, \
                 'pending', 0, 0, 1)",
                [Uuid::from_u128(id).to_string()],
            )?;
        }
        Ok(())
    };
    store.write_soon(fill).await.unwrap();
    store
}

/// It was delivered.
fn ended(taken: Taken) -> Ended {
    let due = taken.due;
    let mut attempt = attempts::tests::attempt(due.n, due.target.as_str());
    attempt.outcome = AttemptOutcome::Delivered;
    Ended {
        row: due.row,
        id: due.id,
        webhook: due.webhook,
        test: false,
        before: taken.before,
        attempt,
        state: DeliveryState::Delivered,
        step: 1,
        due_at: Timestamp::from_micros(1),
        because: None,
        held_until: None,
        gone: false,
    }
}

/// A turn: these are over and were delivered, and so many are taken.
async fn turn(store: &Store, over: Vec<Taken>, most: usize) -> Result<Vec<Taken>, StoreError> {
    let now = Timestamp::from_micros(1);
    let ended = over.into_iter().map(ended).collect();
    let wanted = if most > 0 { vec![Wanted { lane: 1, most }] } else { Vec::new() };
    Ok(store
        .turn(Asked { ended, wanted, patience: Patience::endless(now, SILENCE_MAX) })
        .await?
        .taken)
}

async fn state(store: &Store) -> DeliveryState {
    store.delivery(ID).await.unwrap().unwrap().state
}

/// As SQLite undoes a transaction by itself where a disk fails.
async fn lose(store: &Store) {
    let lost = store.write_soon(|connection| Ok(connection.execute_batch("ROLLBACK")?)).await;
    assert!(lost.is_err(), "{lost:?}");
}

#[tokio::test]
async fn a_turn_stands_where_its_transaction_is_lost() {
    let store = with_deliveries(&Place::Memory, 3).await;
    let taken = turn(&store, Vec::new(), 1).await.unwrap();
    assert_eq!(taken[0].due.id, ID);
    lose(&store).await;
    // Whoever asks next is given another.
    let other = turn(&store, Vec::new(), 1).await.unwrap();
    assert_eq!(other[0].due.id, Uuid::from_u128(2));
    assert!(turn(&store, taken, 0).await.unwrap().is_empty());
    lose(&store).await;
    assert_eq!(state(&store).await, DeliveryState::Delivered);
    let count = |connection: &Connection| {
        let sql = "SELECT w.count, sum(d.began_at IS NOT NULL) FROM webhook w, delivery d";
        Ok(connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
    };
    assert_eq!(store.read(count).await.unwrap(), (1, 1));
    assert_eq!(store.failure(), None);
}

#[tokio::test]
async fn who_looks_sees_what_was_answered() {
    let home = tempfile::tempdir().unwrap();
    let store = with_deliveries(&Place::Disk(home.path().join("s")), 400).await;
    // More than fits one transaction, and more than is read at once.
    let mut taken = Vec::new();
    for round in 0..8 {
        taken = turn(&store, taken, 50).await.unwrap();
        assert_eq!(taken.len(), 50, "{round}");
        let delivered = |connection: &Connection| {
            let sql = "SELECT count(*) FROM delivery WHERE state = 'delivered'";
            Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?)
        };
        assert_eq!(store.read(delivered).await.unwrap(), round * 50);
    }
    store.close().await;
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// Once it is so; nobody asks meanwhile.
async fn eventually(mut is_so: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_crash_after_the_answer_loses_nothing_and_the_commit_follows_by_itself() {
    let home = tempfile::tempdir().unwrap();
    let [place, crash] = ["s", "crash"].map(|name| home.path().join(name));
    let store = with_deliveries(&Place::Disk(place.clone()), 3).await;
    let taken = turn(&store, Vec::new(), 1).await.unwrap();
    turn(&store, taken, 1).await.unwrap();
    copy(&place, &crash);
    let copied = Store::open(&Place::Disk(crash.clone()), 8, Clock::new(1)).unwrap().0;
    assert_eq!(state(&copied).await, DeliveryState::Delivered);
    let cut_off = copied.delivery(Uuid::from_u128(2)).await.unwrap().unwrap();
    assert_eq!(cut_off.attempts[0].outcome, AttemptOutcome::Interrupted);
    copied.close().await;

    let file = place.join(FILE);
    let seen = || {
        let connection = Connection::open(&file).unwrap();
        let sql = "SELECT state = 'delivered' FROM delivery WHERE row = 1";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    eventually(seen).await;
    store.close().await;
}

/// SQLite undoes what it is to commit of turns, as on a full disk, while this is there.
const FULL: &str = "CREATE TRIGGER full BEFORE INSERT ON logged \
                    BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END";

async fn fill(store: &Store, sql: &'static str) {
    store.write_soon(move |connection| Ok(connection.execute_batch(sql)?)).await.unwrap();
}

fn make_room(place: &Path) {
    Connection::open(place.join(FILE)).unwrap().execute_batch("DROP TRIGGER full").unwrap();
}

async fn count(store: &Store, sql: &'static str) -> Result<(i64, i64), StoreError> {
    let read = move |connection: &Connection| {
        Ok(connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
    };
    store.read(read).await
}

/// Nobody is told of what was lost and is not told again.
#[tokio::test]
async fn what_the_log_does_not_tell_is_answered_once_it_is_committed() {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("s");
    let store = with_deliveries(&Place::Disk(place.clone()), 3).await;
    fill(&store, "UPDATE webhook SET failures = 20, failing_since = 0").await;
    let taken = turn(&store, Vec::new(), 1).await.unwrap().remove(0);
    store.read(|_| Ok(())).await.unwrap();
    fill(&store, FULL).await;
    let now = Timestamp::from_micros(5);
    let mut ended = ended(taken);
    ended.attempt.outcome = AttemptOutcome::Refused { status: 500, hint: String::new() };
    ended.state = DeliveryState::Exhausted;
    let patience = Patience { now, failing_since_min: now, silence_max: SILENCE_MAX };
    let wanted = vec![Wanted { lane: 1, most: 2 }];
    let asked = Asked { ended: [ended].into(), wanted, patience };
    let turned = store.turn(asked).await.unwrap();
    assert!(turned.cancelled.is_empty() && turned.deactivated.is_empty(), "{turned:?}");
    assert_eq!(turned.lanes, [(1, 0, Some(Timestamp::default()))]);
    make_room(&place);
    let sql = "SELECT w.active, sum(d.state = 'pending') FROM webhook w, delivery d";
    assert_eq!(count(&store, sql).await.unwrap(), (1, 2));
    store.close().await;
}

#[tokio::test]
async fn a_commit_that_failed_is_tried_again_and_nobody_reads_meanwhile() {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("s");
    let store = with_deliveries(&Place::Disk(place.clone()), 3).await;
    fill(&store, FULL).await;
    assert_eq!(turn(&store, Vec::new(), 1).await.unwrap().len(), 1);
    eventually(|| store.failure().is_some()).await;
    let sql = "SELECT count(*), sum(began_at IS NOT NULL) FROM delivery";
    let error = count(&store, sql).await.unwrap_err().to_string();
    assert!(error.contains("disk is full"), "{error}");
    assert!(turn(&store, Vec::new(), 1).await.is_err());
    make_room(&place);
    eventually(|| store.failure().is_none()).await;
    assert_eq!(count(&store, sql).await.unwrap(), (3, 1));
    // A turn that comes first tells what was lost, and is seen like any other.
    fill(&store, FULL).await;
    assert_eq!(turn(&store, Vec::new(), 1).await.unwrap().len(), 1);
    eventually(|| store.failure().is_some()).await;
    make_room(&place);
    assert_eq!(turn(&store, Vec::new(), 1).await.unwrap().len(), 1);
    assert_eq!(count(&store, sql).await.unwrap(), (3, 3));
    store.close().await;
}

#[tokio::test]
async fn the_commit_follows_however_many_turns_do() {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("s");
    let store = with_deliveries(&Place::Disk(place.clone()), 1).await;
    let other = Connection::open(place.join(FILE)).unwrap();
    let taken = turn(&store, Vec::new(), 1).await.unwrap();
    turn(&store, taken, 0).await.unwrap();
    let began = std::time::Instant::now();
    let sql = "SELECT state = 'delivered' FROM delivery";
    while !other.query_row(sql, [], |row| row.get::<_, bool>(0)).unwrap() {
        assert!(began.elapsed() < Duration::from_secs(60));
        turn(&store, Vec::new(), 1).await.unwrap();
    }
    store.close().await;
}

#[tokio::test]
async fn a_change_that_undoes_everything_says_why() {
    let store = with_deliveries(&Place::Memory, 3).await;
    turn(&store, Vec::new(), 1).await.unwrap();
    let full = |connection: &Connection| {
        connection.execute_batch(FULL)?;
        Ok(connection.execute_batch("INSERT INTO logged VALUES (7, 0, 0)")?)
    };
    let error = store.write_soon(full).await.unwrap_err().to_string();
    assert!(error.contains("disk is full"), "{error}");
}
