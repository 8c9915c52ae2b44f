//! `--allow-target`: what the user lets the sender dial besides loopback.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;
use url::Host;

/// One rule: a block of addresses, a host name, or `*` for everything.
///
/// ```
/// use hooklab_sender::AllowTarget;
/// assert!("10.0.0.0/8".parse::<AllowTarget>().is_ok());
/// assert!("hooks.example".parse::<AllowTarget>().is_ok());
/// assert!("http://hooks.example/".parse::<AllowTarget>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowTarget(Rule);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Any,
    Block { network: IpAddr, prefix_bits: u8 },
    Host(String),
}

/// Why a text is not a rule.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "use `{0}` as an allowed target: give an address block such as 10.0.0.0/8, a host name such as \
     hooks.example, or `*`"
)]
pub struct BadAllowTarget(String);

impl AllowTarget {
    /// This machine, whatever else is allowed.
    pub(crate) const LOOPBACK: [Self; 2] = [
        Self(Rule::Block { network: IpAddr::V4(Ipv4Addr::LOCALHOST), prefix_bits: 8 }),
        Self(Rule::Block { network: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix_bits: 128 }),
    ];

    /// Whether this rule lets `ip` be dialled for `host`.
    pub(crate) fn allows(&self, host: &str, ip: IpAddr) -> bool {
        match &self.0 {
            Rule::Any => true,
            Rule::Block { network, prefix_bits } => contains(*network, *prefix_bits, ip),
            Rule::Host(name) => host.strip_suffix('.').unwrap_or(host) == name,
        }
    }
}

impl FromStr for AllowTarget {
    type Err = BadAllowTarget;

    fn from_str(text: &str) -> Result<Self, BadAllowTarget> {
        let bad = || BadAllowTarget(text.chars().take(80).collect());
        let text = text.trim();
        if text == "*" {
            return Ok(Self(Rule::Any));
        }
        if let Some((network, prefix_bits)) = text.split_once('/') {
            return block(network, prefix_bits).map(Self).ok_or_else(bad);
        }
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        if let Ok(network) = bare.parse::<IpAddr>() {
            return Ok(Self(Rule::Block { network, prefix_bits: bits(network) }));
        }
        match Host::parse(text) {
            Ok(Host::Domain(name)) => {
                Ok(Self(Rule::Host(name.strip_suffix('.').unwrap_or(&name).to_owned())))
            }
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for AllowTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Rule::Any => f.write_str("*"),
            Rule::Block { network, prefix_bits } => write!(f, "{network}/{prefix_bits}"),
            Rule::Host(name) => f.write_str(name),
        }
    }
}

fn block(network: &str, prefix_bits: &str) -> Option<Rule> {
    let network: IpAddr = network.parse().ok()?;
    let prefix_bits: u8 = prefix_bits.parse().ok()?;
    (prefix_bits <= bits(network)).then_some(Rule::Block { network, prefix_bits })
}

fn bits(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn contains(network: IpAddr, prefix_bits: u8, ip: IpAddr) -> bool {
    let prefix_bits = u32::from(prefix_bits);
    match (network, ip) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => {
            let mask = u32::MAX.checked_shl(32 - prefix_bits).unwrap_or(0);
            network.to_bits() & mask == ip.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(ip)) => {
            let mask = u128::MAX.checked_shl(128 - prefix_bits).unwrap_or(0);
            network.to_bits() & mask == ip.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_told() {
        for (text, told) in [
            ("*", "*"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("[::1]", "::1/128"),
            ("fd00::/8", "fd00::/8"),
            ("Hooks.Example.", "hooks.example"),
        ] {
            assert_eq!(text.parse::<AllowTarget>().unwrap().to_string(), told);
        }
        for bad in ["", "10.0.0.0/33", "fd00::/129", "a/b", "10.0.0.0/-1", "http://x/", "a b"] {
            assert!(bad.parse::<AllowTarget>().is_err(), "{bad}");
        }
    }
}
