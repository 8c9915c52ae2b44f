//! `hooklab.toml`: flags of `serve` and bins. A flag beats the environment, which beats the file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind as Wrong;
use clap::{ArgAction, CommandFactory, FromArgMatches};
use hooklab_shared::bin::{Keep, NewBin, Verify};
use hooklab_shared::id::BinName;
use hooklab_shared::reply::Program;
use hooklab_shared::signature::{Scheme, Secret, TOLERANCE_SECS};
use serde::Deserialize;
use toml::{Spanned, Value};

use super::serve::ServeArgs;
use super::{Cli, Command, value};

/// Read where none is named, if it is there.
const NAME: &str = "hooklab.toml";

/// A file in bytes: more is not settings.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Flags of every command that make sense in a file.
const GLOBALS: [&str; 3] = ["token", "json", "color"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    serve: BTreeMap<Spanned<String>, Value>,
    #[serde(default, rename = "bin")]
    bins: Vec<Spanned<WrittenBin>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBin {
    name: BinName,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    reply: Program,
    verify: Option<WrittenVerify>,
    #[serde(default)]
    keep: Keep,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenVerify {
    scheme: Scheme,
    secrets: Vec<String>,
    #[serde(default = "tolerance")]
    tolerance_secs: i64,
}

fn tolerance() -> i64 {
    TOLERANCE_SECS
}

/// A file, and what it says.
struct File {
    path: PathBuf,
    flags: Vec<Flag>,
    bins: Vec<NewBin>,
}

/// One flag of `serve`, as it is written.
struct Flag {
    name: String,
    line: usize,
    value: Value,
}

/// What was typed, over what the file says, if there is one.
pub(super) fn under(cli: Cli, typed: &[OsString]) -> Result<Cli, clap::Error> {
    let Some(Command::Serve(args)) = &cli.command else { return Ok(cli) };
    match File::read(args).map_err(|why| clap::Error::raw(Wrong::Io, format!("{why}\n")))? {
        Some(file) => file.under(typed),
        None => Ok(cli),
    }
}

impl File {
    fn read(args: &ServeArgs) -> Result<Option<Self>, String> {
        let path = args.config.clone().unwrap_or_else(|| NAME.into());
        let told = |why: String| format!("failed to read {}: {why}", path.display());
        let size = match fs::metadata(&path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == ErrorKind::NotFound && args.config.is_none() => {
                return Ok(None);
            }
            Err(error) => return Err(told(format!("{error}; check --config"))),
        };
        if size > FILE_BYTES_MAX {
            return Err(told("it is longer than 4 MiB, which no settings are".into()));
        }
        let text = fs::read_to_string(&path).map_err(|error| told(error.to_string()))?;
        Self::parse(&path, &text).map(Some).map_err(told)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, String> {
        let line = |at: usize| 1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count();
        let written: Written = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            format!("line {}: {}", line(at), error.message())
        })?;
        let home = path.parent().unwrap_or(Path::new(""));
        let flags = written.serve.into_iter().map(|(name, value)| {
            let line = line(name.span().start);
            let value = match name.as_ref().as_str() {
                "token" | "plugin-api" => {
                    Value::String(secret(value.as_str().unwrap_or_default(), home)?)
                }
                _ => value,
            };
            Ok(Flag { name: name.into_inner(), line, value })
        });
        let flags = flags.collect::<Result<_, String>>()?;
        let mut bins: Vec<NewBin> = Vec::with_capacity(written.bins.len());
        for bin in written.bins {
            let line = line(bin.span().start);
            let bin = bin.into_inner().made(home).map_err(|why| format!("line {line}: {why}"))?;
            if bins.iter().any(|earlier| earlier.name == bin.name) {
                let name = bin.name.as_ref().map_or("", BinName::as_str);
                return Err(format!("line {line}: the bin `{name}` is there twice"));
            }
            bins.push(bin);
        }
        Ok(Self { path: path.to_owned(), flags, bins })
    }

    /// Reads the command line again, with what the file says in the place of the defaults.
    fn under(self, typed: &[OsString]) -> Result<Cli, clap::Error> {
        let mut command = Cli::command();
        for flag in &self.flags {
            let told = |why: String| {
                let path = self.path.display();
                let line = flag.line;
                let told = format!("failed to read {path}: line {line}: `{}` {why}\n", flag.name);
                clap::Error::raw(Wrong::InvalidValue, told)
            };
            command = flag.apply(command).map_err(told)?;
            // What was typed is in order, so what is wrong now is what this line says.
            if let Err(error) = command.clone().try_get_matches_from(typed) {
                let rendered = error.render().to_string();
                let why = rendered.lines().next().unwrap_or_default();
                let why = why.strip_prefix("error: ").unwrap_or(why);
                return Err(told(format!("is not taken: {why}")));
            }
        }
        let matches = command.try_get_matches_from(typed)?;
        let mut cli = Cli::from_arg_matches(&matches)?;
        if let Some(Command::Serve(args)) = &mut cli.command {
            args.told_bins = self.bins;
        }
        Ok(cli)
    }
}

impl Flag {
    /// The command line with this as the flag's default.
    fn apply(&self, command: clap::Command) -> Result<clap::Command, String> {
        let is_global = GLOBALS.contains(&self.name.as_str());
        let of = if is_global { Some(&command) } else { command.find_subcommand("serve") };
        let has_name = |arg: &&clap::Arg| arg.get_long() == Some(&self.name);
        let arg = of
            .and_then(|of| of.get_arguments().find(has_name))
            .filter(|arg| arg.get_id() != "config")
            .ok_or("is no flag of serve: hooklab serve --help lists them")?;
        let values = self.values(arg)?;
        let id = arg.get_id().clone();
        let with = |arg: clap::Arg| arg.default_values(values);
        Ok(match is_global {
            true => command.mut_arg(id, with),
            false => command.mut_subcommand("serve", |serve| serve.mut_arg(id, with)),
        })
    }

    fn values(&self, arg: &clap::Arg) -> Result<Vec<String>, String> {
        let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
        match &self.value {
            Value::Boolean(on) if is_switch => Ok(vec![on.to_string()]),
            _ if is_switch => Err("takes true or false".into()),
            Value::Array(items) if matches!(arg.get_action(), ArgAction::Append) => {
                items.iter().map(one).collect()
            }
            value => Ok(vec![one(value)?]),
        }
    }
}

fn one(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        other => Err(format!("takes no {}: give text or a whole number", other.type_str())),
    }
}

impl WrittenBin {
    fn made(self, home: &Path) -> Result<NewBin, String> {
        let Self { name, labels, reply, verify, keep } = self;
        let verify = verify.map(|verify| verify.read(home)).transpose()?;
        let new = NewBin { name: Some(name), labels, reply, verify, keep };
        match new.clone().into_parts().1.errors().first() {
            Some(error) => Err(format!("`{}` {}", error.field, error.detail)),
            None => Ok(new),
        }
    }
}

impl WrittenVerify {
    fn read(self, home: &Path) -> Result<Verify, String> {
        let read = |given: &String| {
            let text = value::secret(&secret(given, home)?).map_err(|failure| failure.told)?;
            Ok(Secret::from_text(&text))
        };
        let secrets = self.secrets.iter().map(read).collect::<Result<_, String>>()?;
        Ok(Verify { scheme: self.scheme, secrets, tolerance_secs: self.tolerance_secs })
    }
}

/// Where a secret is kept: a file of settings is shared and committed, so it holds none itself.
fn secret(given: &str, home: &Path) -> Result<String, String> {
    match given.split_once(':') {
        Some(("env", _)) => Ok(given.to_owned()),
        Some(("file", path)) => Ok(format!("file:{}", home.join(path).display())),
        _ => Err("a secret does not stand here: give env:NAME or file:PATH".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, typed: &str) -> Result<Box<ServeArgs>, String> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("h.toml");
        fs::write(&path, text).unwrap();
        fs::write(home.path().join("hush"), "whsec_x\n").unwrap();
        let mut line: Vec<OsString> = vec!["hooklab".into(), "serve".into()];
        line.extend(["--config".into(), path.into_os_string()]);
        line.extend(typed.split_whitespace().map(OsString::from));
        match super::super::parse(line).map_err(|error| error.to_string())?.command {
            Some(Command::Serve(args)) => Ok(args),
            _ => panic!("not serve"),
        }
    }

    #[test]
    fn the_file_gives_flags_and_what_is_typed_beats_it() {
        let text = "[serve]\nport = 9\nbin = [\"a\", \"b\"]\nno-auto-create = true\n\
                    keep-age = \"1h\"\ntls = \"self-signed\"\n";
        let args = with(text, "").unwrap();
        assert_eq!((args.port, args.bins.len(), args.no_auto_create), (9, 2, true));
        assert!(args.keep_age.is_some() && args.tls.is_some());
        let args = with(text, "--port 7 --bin c").unwrap();
        assert_eq!((args.port, args.bins.len()), (7, 1));
        assert!(!with("[serve]\nno-auto-create = false\n", "").unwrap().no_auto_create);
    }

    #[test]
    fn the_file_tells_bins() {
        let text = "[[bin]]\nname = \"a\"\nreply = \"fail-twice\"\nkeep = { captures = 5 }\n\
                    labels = { team = \"shop\" }\n\n[[bin]]\nname = \"b\"\n\
                    reply = [{ status = 503, times = 1, headers = { Retry-After = \"5\" } }]\n\
                    verify = { scheme = \"stripe\", secrets = [\"file:hush\"] }\n\n\
                    [[bin]]\nname = \"c\"\n[bin.reply]\nseed = 7\n\
                    [[bin.reply.rules]]\nstatus = 201\n";
        let bins = with(text, "").unwrap().told_bins;
        assert_eq!(bins.len(), 3);
        assert_eq!((bins[0].keep.captures, bins[0].reply.rules.len()), (Some(5), 2));
        assert_eq!(bins[1].verify.as_ref().unwrap().secrets[0].reveal(), "whsec_x");
        assert_eq!((bins[2].reply.seed, bins[2].reply.rules[0].status), (7, 201));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, words) in [
            ("[serve]\nprot = 9\n", ["line 2", "no flag"]),
            ("[serve]\n\nport = 70000\n", ["line 3", "70000"]),
            ("[serve]\nport = true\n", ["line 2", "boolean"]),
            ("[serve]\nport = [1]\n", ["line 2", "array"]),
            ("[serve]\nopen = 1\n", ["line 2", "true or false"]),
            ("[serve]\nconfig = \"x\"\n", ["line 2", "no flag"]),
            ("[serve]\ntoken = \"hush\"\n", ["env:NAME", "secret"]),
            ("[server]\n", ["line 1", "server"]),
            ("x = \n", ["line 1", "failed to read"]),
            ("[[bin]]\nname = \"a\"\nreplies = 1\n", ["line 3", "replies"]),
            ("[[bin]]\nname = \"a\"\nreply = \"okay\"\n", ["line 3", "fail-twice"]),
            ("[[bin]]\nname = \"A\"\n", ["line 2", "a-z"]),
            ("[[bin]]\nname = \"a\"\n[[bin]]\nname = \"a\"\n", ["line 3", "twice"]),
            ("[[bin]]\nname = \"a\"\nkeep = { captures = 0 }\n", ["line 1", "keep nothing"]),
            (
                "[[bin]]\nname = \"a\"\nverify = { scheme = \"stripe\", secrets = [\"x\"] }\n",
                ["line 1", "env:NAME"],
            ),
        ] {
            let error = with(text, "").err().unwrap_or_else(|| panic!("taken: {text}"));
            assert!(words.iter().all(|word| error.contains(word)), "{text}: {error}");
        }
        let missing =
            super::super::parse(["hooklab", "serve", "--config", "/no/such"].map(Into::into));
        assert_eq!(missing.err().unwrap().exit_code(), 2);
    }
}
