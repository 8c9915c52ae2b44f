//! What `serve` was asked for, checked: everything after this may trust it.

use std::path::PathBuf;
use std::sync::Arc;

use hooklab_receiver::store::Durability;
use hooklab_sender::{AllowTarget, Credentials};
use hooklab_shared::bin::{Config, Keep};
use hooklab_shared::cidr::Cidr;
use hooklab_shared::id::BinName;
use hooklab_shared::span::Span;
use tokio_rustls::rustls::ServerConfig;

use super::bind::Host;
use super::store::Store;
use crate::args::serve::{Half, Level, ServeArgs};
use crate::args::value;
use crate::dashboard::{Name, Token};
use crate::exit::Failure;

/// Checked settings.
pub(crate) struct Settings {
    /// Where to listen.
    pub(crate) host: Host,
    /// The capture listener's port, 0 for a free one; none without the receiver.
    pub(crate) capture_port: Option<u16>,
    /// The dashboard listener's port, 0 for a free one.
    pub(crate) dashboard_port: u16,
    /// Whether the sender is part of it.
    pub(crate) sender: bool,
    /// Where things are kept.
    pub(crate) store: Store,
    /// How far a capture is written before it is answered.
    pub(crate) durability: Durability,
    /// What captures are served by TLS with; none where they are not.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Proxies whose forwarding headers are believed.
    pub(crate) trusted_proxies: Vec<Cidr>,
    /// What is kept of all bins together.
    pub(crate) keep: Keep,
    /// Bins to make at start, or to make as they are told.
    pub(crate) bins: Vec<Wanted>,
    /// Whether a request makes the bin that it goes to.
    pub(crate) auto_create: bool,
    /// Targets beyond this machine.
    pub(crate) allow_targets: Vec<AllowTarget>,
    /// How many times faster than real the sender's waits go by.
    pub(crate) time_scale: u32,
    /// What is kept of the delivery log.
    pub(crate) keep_deliveries: hooklab_sender::Keep,
    /// What the dashboard asks for.
    pub(crate) token: Option<Token>,
    /// What the plugin's REST API asks for; it is not served without.
    pub(crate) plugin_api: Option<Credentials>,
    /// Names of the dashboard besides the address it listens on.
    pub(crate) allowed_hosts: Vec<Name>,
    /// Where the ready line goes too.
    pub(crate) ready_file: Option<PathBuf>,
    /// Whether to stop with the parent process.
    pub(crate) exit_with_parent: bool,
    /// Whether to open the browser.
    pub(crate) open: bool,
}

/// The shortest secret that others may try to guess: 22 characters of base64 hold 128 bits.
const SECRET_CHARS_MIN: usize = 22;

/// A bin that is to be there.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// Whatever it was told before.
    Named(BinName),
    /// Told exactly this, as the file says.
    Told(BinName, Box<Config>),
}

impl Settings {
    /// Checks what was typed, and reads the token from where it is kept.
    pub(crate) fn check(args: &ServeArgs, token: Option<&str>) -> Result<Self, Failure> {
        let host = Host::resolve(&args.host)?;
        let receiver = args.only != Some(Half::Sender);
        let token = token.map(|given| Token::strong(&value::secret(given)?)).transpose()?;
        if !host.is_loopback() && token.is_none() && !args.insecure_no_auth {
            return Err(Failure::usage(format!(
                "serve on {}: others can reach that address, and the dashboard has no token; give \
                 one by --token, or --insecure-no-auth if nobody else can",
                args.host
            )));
        }
        if !receiver && !args.bins.is_empty() {
            return Err(Failure::usage("make a bin: --only sender has none; leave --bin out"));
        }
        if !receiver && args.tls.is_some() {
            return Err(Failure::usage(
                "capture over TLS: --only sender captures nothing; leave --tls out",
            ));
        }
        let store = args.store.clone().map_or_else(Store::default_place, Ok)?;
        let sender = args.only != Some(Half::Receiver);
        store.check(receiver, sender)?;
        Ok(Self {
            capture_port: receiver.then_some(args.port),
            dashboard_port: dashboard_port(args, receiver)?,
            plugin_api: plugin_api(args, &host, sender)?,
            sender,
            durability: durability(&store, args.durability)?,
            store,
            tls: args.tls.as_ref().map(|tls| tls.config(&host)).transpose()?,
            trusted_proxies: args.trusted_proxies.clone(),
            keep: Keep { captures: args.keep_captures, bytes: args.keep_bytes, age: args.keep_age },
            bins: if receiver { wanted(args) } else { Vec::new() },
            host,
            auto_create: !args.no_auto_create,
            allow_targets: args.allow_targets.clone(),
            time_scale: args.time_scale,
            keep_deliveries: keep_deliveries(args),
            token,
            allowed_hosts: names(&args.allowed_hosts)?,
            ready_file: args.ready_file.clone(),
            exit_with_parent: args.exit_with_parent,
            open: args.open,
        })
    }
}

/// The plugin API's credentials; where others can reach it, the secret is as strong as a token.
fn plugin_api(args: &ServeArgs, host: &Host, sender: bool) -> Result<Option<Credentials>, Failure> {
    let Some(given) = &args.plugin_api else { return Ok(None) };
    if !sender {
        return Err(Failure::usage(
            "serve the plugin's REST API: --only receiver has no webhooks; leave --plugin-api out",
        ));
    }
    let credentials: Credentials = value::secret(given)?.parse().map_err(Failure::usage)?;
    if !host.is_loopback() && credentials.secret_chars() < SECRET_CHARS_MIN {
        return Err(Failure::usage(format!(
            "serve the plugin's REST API on {}: others can reach that address, and its secret has \
             fewer than {SECRET_CHARS_MIN} characters; try \"hooklab:$(openssl rand -hex 16)\"",
            args.host
        )));
    }
    Ok(Some(credentials))
}

/// The file's bins as they are told there, then those that are only named.
fn wanted(args: &ServeArgs) -> Vec<Wanted> {
    let told = args.told_bins.iter().cloned().filter_map(|new| {
        let (name, config) = new.into_parts();
        Some(Wanted::Told(name?, Box::new(config)))
    });
    let is_told =
        |name: &&BinName| args.told_bins.iter().any(|bin| bin.name.as_ref() == Some(*name));
    let named = args.bins.iter().filter(|name| !is_told(name)).cloned().map(Wanted::Named);
    told.chain(named).collect()
}

fn dashboard_port(args: &ServeArgs, receiver: bool) -> Result<u16, Failure> {
    let port = match (args.dashboard_port, args.port) {
        (Some(port), _) => port,
        (None, 0) => 0,
        (None, port) => port.checked_add(1).ok_or_else(|| {
            Failure::usage("find the dashboard's port: none follows 65535; give --dashboard-port")
        })?,
    };
    if receiver && port != 0 && port == args.port {
        return Err(Failure::usage(format!(
            "listen twice on port {port}: --port and --dashboard-port must differ, so that a \
             captured page can never act as the dashboard"
        )));
    }
    Ok(port)
}

fn durability(store: &Store, asked: Option<Level>) -> Result<Durability, Failure> {
    match (store, asked) {
        (Store::Memory, None) => Ok(Durability::Memory),
        (Store::Memory, Some(_)) => Err(Failure::usage(
            "keep captures at that level: memory: keeps nothing; leave --durability out, or give a \
             directory by --store",
        )),
        (Store::Disk(_), None | Some(Level::Process)) => Ok(Durability::Process),
        (Store::Disk(_), Some(Level::Disk)) => Ok(Durability::Disk),
    }
}

fn keep_deliveries(args: &ServeArgs) -> hooklab_sender::Keep {
    let standard = hooklab_sender::Keep::default();
    hooklab_sender::Keep {
        deliveries: args.keep_deliveries.unwrap_or(standard.deliveries),
        age: args.keep_deliveries_age.map_or(standard.age, Span::as_duration),
    }
}

fn names(given: &[String]) -> Result<Vec<Name>, Failure> {
    let name = |text: &String| {
        text.parse().map_err(|why| Failure::usage(format!("allow the host `{text}`: {why}")))
    };
    given.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Command, parse};

    fn check(line: &str) -> Result<Settings, Failure> {
        let cli = parse(
            format!("hooklab serve --store memory: {line}")
                .split(' ')
                .filter(|word| !word.is_empty())
                .map(Into::into),
        )
        .unwrap();
        let Some(Command::Serve(args)) = cli.command else { panic!("not serve") };
        Settings::check(&args, cli.globals.token.as_deref())
    }

    fn told(line: &str) -> String {
        check(line).err().unwrap().told
    }

    #[test]
    fn the_dashboard_takes_the_next_port() {
        let ports = |line: &str| {
            let settings = check(line).unwrap();
            (settings.capture_port, settings.dashboard_port)
        };
        assert_eq!(ports(""), (Some(4665), 4666));
        assert_eq!(ports("--port 0"), (Some(0), 0));
        assert_eq!(ports("--port 0 --dashboard-port 80"), (Some(0), 80));
        assert_eq!(ports("--only sender"), (None, 4666));
        assert!(told("--port 65535").contains("--dashboard-port"));
        assert!(told("--port 80 --dashboard-port 80").contains("must differ"));
        assert!(told("--only sender --bin a").contains("--only sender"));
    }

    #[test]
    fn others_need_a_token_and_a_token_must_be_one() {
        assert!(told("--host 0.0.0.0").contains("--insecure-no-auth"));
        assert!(told("--host ::").contains("--token"));
        assert!(check("--host 0.0.0.0 --insecure-no-auth").is_ok());
        assert!(check("--host 0.0.0.0 --token 0123456789abcdef0123456789abcdef").is_ok());
        assert!(check("--host 127.0.0.1").is_ok());
        assert!(check("--host ::1").is_ok());
        assert!(told("--token short").contains("at least"));
    }

    #[test]
    fn levels_fit_their_store() {
        assert!(told("--durability disk").contains("memory:"));
        assert!(check("").is_ok_and(|settings| settings.durability == Durability::Memory));
        assert!(told("--allowed-host http://x/").contains("http://x/"));
    }
}
