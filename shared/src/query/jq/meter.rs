//! What a filter may use: steps, bytes and stack, counted where every filter must pass.
//!
//! jaq has no fuel of its own, but whatever it does it clones its context, or makes, clones or
//! compares a value, and both are types of ours. Time is never asked, so the same filter on the
//! same capture always ends the same way. A spent filter is ended by unwinding its thread, because
//! an error could be caught by the filter's own `try`.

use std::cell::Cell;
use std::panic;
use std::thread;

use thiserror::Error;

/// Steps of one filter on one capture: about a tenth of a second, some hundred times what
/// walking through an ordinary webhook takes.
pub const JQ_STEPS_MAX: u64 = 400_000;

/// Bytes that one filter may make or search on one capture: several passes over the longest body.
pub const JQ_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How deep a value may be nested: twice what the JSON parser lets in.
pub const JQ_DEPTH_MAX: u32 = 256;

/// The stack of a filter's thread in bytes; only what is used becomes memory.
pub(super) const STACK_BYTES: usize = 128 * 1024 * 1024;

/// How much of the stack evaluation may use; the rest is for dropping what it built.
const STACK_BYTES_MAX: usize = STACK_BYTES / 4;

/// What a filter used up.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Spent {
    /// Its steps.
    #[error("it took over {JQ_STEPS_MAX} steps")]
    Steps,
    /// Its bytes.
    #[error("it made and searched over {JQ_BYTES_MAX} bytes")]
    Bytes,
    /// Its depth.
    #[error("it nested too deeply")]
    Depth,
}

#[derive(Clone, Copy)]
struct Meter {
    steps: u64,
    bytes: u64,
    /// Addresses below this are more stack than evaluation may use.
    stack_floor: usize,
}

const UNMETERED: Meter = Meter { steps: u64::MAX, bytes: u64::MAX, stack_floor: 0 };

thread_local! {
    /// Values are made where no context is at hand, so the meter belongs to the filter's thread.
    static METER: Cell<Meter> = const { Cell::new(UNMETERED) };
}

/// Begins to count anew on this thread.
pub(super) fn start(steps: u64) {
    METER.set(Meter {
        steps,
        bytes: JQ_BYTES_MAX,
        stack_floor: stack_address().saturating_sub(STACK_BYTES_MAX),
    });
}

/// Counts nothing on this thread: what is bounded otherwise, such as reading the capture, is free.
pub(super) fn suspend() {
    METER.set(UNMETERED);
}

/// Counts one step.
pub(super) fn step() {
    let mut meter = METER.get();
    let Some(steps) = meter.steps.checked_sub(1) else { return stop(Spent::Steps) };
    meter.steps = steps;
    METER.set(meter);
    if stack_address() < meter.stack_floor {
        stop(Spent::Depth);
    }
}

/// Counts bytes before they are made, and a step with them.
pub(super) fn bytes(count: usize) {
    step();
    let mut meter = METER.get();
    let Some(bytes) = meter.bytes.checked_sub(count as u64) else { return stop(Spent::Bytes) };
    meter.bytes = bytes;
    METER.set(meter);
}

/// Ends the filter. While it is being dropped nothing is refused: a second unwinding would abort.
pub(super) fn stop(spent: Spent) {
    if !thread::panicking() {
        panic::resume_unwind(Box::new(spent));
    }
}

/// Stacks grow downwards wherever hooklab runs.
fn stack_address() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(&here).addr()
}
