//! Tells the demo's steps: to people in words, to programs as one JSON object a step.

use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::report::paint::Ink;
use crate::report::{Report, micros};
use crate::serve::ready::Ready;

/// Below a step's title.
pub(super) const MARGIN: &str = "     ";

/// Whoever tells what happens.
pub(super) struct Narrator<'a> {
    pub(super) report: &'a mut Report,
    begun: Instant,
    step: u8,
}

/// A step, for programs.
#[derive(Serialize)]
struct Step<'a> {
    v: u8,
    event: &'static str,
    step: u8,
    name: &'a str,
    elapsed_us: u64,
    #[serde(flatten)]
    data: Value,
}

impl<'a> Narrator<'a> {
    /// Says what is about to happen, and where.
    pub(super) fn begin(report: &'a mut Report, ready: &Ready) -> Result<Self, Failure> {
        if report.is_json() {
            report.json(ready)?;
        } else {
            let title = report.ink(Ink::Bold, "A first look at webhooks, offline");
            report.line(title)?;
            report.line(format_args!(
                "Everything is real and on this machine: a server on {}, a store on disk,\n\
                 HTTP and a WebSocket. Nothing is kept afterwards.",
                ready.dashboard
            ))?;
        }
        Ok(Self { report, begun: Instant::now(), step: 0 })
    }

    /// The next step begins: to people its title and what it is for.
    pub(super) fn step(&mut self, title: &str, why: &str) -> Result<(), Failure> {
        self.step += 1;
        if self.report.is_json() {
            return Ok(());
        }
        let title = self.report.ink(Ink::Bold, format_args!("{}. {title}", self.step));
        self.report.line(format_args!("\n{title}"))?;
        for line in why.lines() {
            let line = self.report.ink(Ink::Dim, line);
            self.report.line(format_args!("   {line}"))?;
        }
        Ok(())
    }

    /// What the step did, to people.
    pub(super) fn say(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        if self.report.is_json() {
            return Ok(());
        }
        self.report.line(format_args!("{MARGIN}{name:<8} {value}"))
    }

    /// Text that is worth copying.
    pub(super) fn copy(&self, text: &str) -> String {
        self.report.ink(Ink::Cyan, crate::report::shown(text))
    }

    /// What the step did, to programs.
    pub(super) fn did(&mut self, name: &str, data: Value) -> Result<(), Failure> {
        if !self.report.is_json() {
            return Ok(());
        }
        let elapsed_us = self.elapsed_us();
        self.report.json(&Step { v: 1, event: "step", step: self.step, name, elapsed_us, data })
    }

    /// A failure, naming the step it happened in.
    pub(super) fn blame(&self, failure: Failure) -> Failure {
        if failure.told.is_empty() {
            return failure;
        }
        Failure::new(failure.code, format!("get through step {}: {}", self.step, failure.told))
    }

    /// The end.
    pub(super) fn end(&mut self, once: bool) -> Result<(), Failure> {
        let elapsed_us = self.elapsed_us();
        if self.report.is_json() {
            let done = json!({"v": 1, "event": "done", "elapsed_us": elapsed_us, "stays": !once});
            return self.report.json(&done);
        }
        let done = self.report.ink(Ink::Green, "Done");
        self.report.line(format_args!("\n{done} in {}.", micros(elapsed_us)))
    }

    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
