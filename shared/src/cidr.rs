//! A block of IP addresses, as users write it: `10.0.0.0/8`, `::1`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

/// A block of addresses (RFC 4632; RFC 4291, section 2.3).
///
/// ```
/// use hooklab_shared::cidr::Cidr;
/// let block: Cidr = "10.0.0.0/8".parse().unwrap();
/// assert!(block.contains("10.1.2.3".parse().unwrap()));
/// assert!(!block.contains("11.0.0.1".parse().unwrap()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

/// Why a text is not a block.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("read `{0}` as addresses: write one, or a block such as 10.0.0.0/8 or fd00::/8")]
pub struct BadCidr(String);

impl Cidr {
    /// Whether this address is in it; IPv4 written as IPv6 (`::ffff:10.0.0.1`) counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(block), IpAddr::V4(address)) => {
                let differing = block.to_bits() ^ address.to_bits();
                differing.checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(block), IpAddr::V6(address)) => {
                let differing = block.to_bits() ^ address.to_bits();
                differing.checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = BadCidr;

    fn from_str(text: &str) -> Result<Self, BadCidr> {
        let bad = || BadCidr(text.chars().take(80).collect());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let is_number = |bits: &&str| bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = match bits {
            None => most,
            Some(bits) => {
                Some(bits).filter(is_number).and_then(|b| b.parse().ok()).ok_or_else(bad)?
            }
        };
        if bits > most {
            return Err(bad());
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_what_they_say() {
        let holds = |block: &str, address: &str| {
            block.parse::<Cidr>().unwrap().contains(address.parse().unwrap())
        };
        assert!(holds("127.0.0.1", "127.0.0.1") && !holds("127.0.0.1", "127.0.0.2"));
        assert!(holds("10.0.0.0/8", "::ffff:10.9.9.9") && !holds("10.0.0.0/8", "::1"));
        assert!(holds("0.0.0.0/0", "255.255.255.255") && holds("::/0", "fe80::1"));
        assert!(holds("10.1.2.3/16", "10.1.255.0") && !holds("10.1.2.3/16", "10.2.0.0"));
        assert!(holds("fd00::/8", "fdff::1") && !holds("fd00::/8", "fe00::1"));
        for bad in ["", "10", "10.0.0.0/33", "::/129", "10.0.0.0/+8", "10.0.0.0/", "h/8"] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
        assert_eq!("::1".parse::<Cidr>().unwrap().to_string(), "::1/128");
    }
}
