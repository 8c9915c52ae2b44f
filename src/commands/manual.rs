//! `completions` and `man`: what the definition of the command line says of itself.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::{Code, Failure};
use crate::report::Report;

/// Which shell.
#[derive(Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Which page.
#[derive(Args)]
pub(crate) struct ManArgs {
    /// A command and its subcommand, such as webhook add; without one, hooklab itself
    command: Vec<String>,
}

/// Prints a completion script.
pub(crate) fn completions(args: &CompletionsArgs, report: &mut Report) -> Result<Code, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "hooklab", &mut script);
    report.bytes(&script)?;
    Ok(Code::Done)
}

/// Prints a manual page.
pub(crate) fn man(args: &ManArgs, report: &mut Report) -> Result<Code, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(find(&args.command)?)
        .render(&mut page)
        .map_err(|error| Failure::new(Code::Bug, format!("write the manual: {error}")))?;
    report.bytes(&page)?;
    Ok(Code::Done)
}

fn find(path: &[String]) -> Result<clap::Command, Failure> {
    let mut root = Cli::command();
    root.build();
    let mut found = root;
    for name in path {
        let below = found.find_subcommand(name).cloned();
        found = below.ok_or_else(|| {
            Failure::usage(format!(
                "show the manual of `{name}`: hooklab --help lists the commands"
            ))
        })?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_scripts_are_there() {
        let (mut report, page) = crate::report::tests::on_page(false, false);
        let args = ManArgs { command: vec!["webhook".into(), "add".into()] };
        man(&args, &mut report).unwrap();
        assert!(page.text().contains("hooklab\\-webhook\\-add"), "{}", page.text());
        assert!(find(&["nosuch".into()]).is_err());
        let (mut report, page) = crate::report::tests::on_page(false, false);
        completions(&CompletionsArgs { shell: Shell::Bash }, &mut report).unwrap();
        assert!(page.text().contains("deliveries"));
    }
}
