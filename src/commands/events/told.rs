//! Event types as they are told: a table of many, one whole.

use hooklab_shared::escape;
use hooklab_shared::event::{Dispatch, EventType};

use crate::exit::Failure;
use crate::report::paint::Ink;
use crate::report::table::Table;
use crate::report::{Report, shown};

/// Many event types.
pub(super) fn table(items: &[EventType]) -> Table {
    let mut table = Table::new(&["SLUG", "NAME", "PLUGIN", "WHEN"]);
    for kind in items {
        table.row([
            kind.slug.as_str().into(),
            kind.name.as_str().into(),
            dispatch(kind.dispatch).into(),
            kind.description.as_str().into(),
        ]);
    }
    table
}

/// One event type with its fields, sample and schema.
pub(super) fn whole(report: &mut Report, kind: &EventType) -> Result<(), Failure> {
    if report.is_json() {
        return report.json(kind);
    }
    let name = report.ink(Ink::Bold, shown(&kind.name));
    report.line(format_args!("{name}  {}", shown(&kind.slug)))?;
    if !kind.description.is_empty() {
        report.line(shown(&kind.description))?;
    }
    match kind.dispatch {
        Dispatch::Own => report.line("an event type of your own\n")?,
        plugins => report.line(format_args!("in the plugin: {}\n", dispatch(plugins)))?,
    }
    fields(report, kind)?;
    report.line("\nwhat Send Test Event sends:")?;
    json(report, &kind.sample)?;
    match &kind.schema {
        None => Ok(()),
        Some(schema) => {
            report.line("\nwhat every payload has to fit:")?;
            json(report, schema)
        }
    }
}

fn fields(report: &mut Report, kind: &EventType) -> Result<(), Failure> {
    let mut table = Table::new(&["FIELD", "TYPE", "FROM", "NOTE"]);
    for field in &kind.payload {
        let nullable = field.nullable && !field.kind.contains("null");
        let nullable = if nullable { " or null" } else { "" };
        table.row([
            field.name.as_str().into(),
            format!("{}{nullable}", field.kind).into(),
            field.from.as_str().into(),
            field.note.as_deref().unwrap_or_default().into(),
        ]);
    }
    report.table(&table)
}

fn json(report: &mut Report, value: &serde_json::Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    report.line(escape::terminal(&text, true))
}

fn dispatch(dispatch: Dispatch) -> &'static str {
    match dispatch {
        Dispatch::Delivered => "delivered",
        Dispatch::Declared => "declared, never fires",
        Dispatch::TestOnly => "test only, never fires",
        Dispatch::Own => "your own",
    }
}
