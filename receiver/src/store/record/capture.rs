//! A capture as a record's front and body.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use bytes::Bytes;
use hooklab_shared::body::{Body, Framing};
use hooklab_shared::capture::{Capture, Outcome, Protocol, Replied, Timing};
use hooklab_shared::headers::Head;
use hooklab_shared::id::{BinName, Seq, Timestamp};
use hooklab_shared::reply::Fault;
use uuid::Uuid;

use super::{Fields, HEADER_BYTES, Header, Kind, begin, seal};

/// The length of a front's fixed fields in bytes, between the bin's name and the head.
const FIXED_BYTES: usize = 16 + 8 + 27 + 1 + 1 + 8 + 8 + 2 + 5 + 1 + 8;

/// What stands between them and the head where a client was told by a proxy, in bytes.
const CLIENT_BYTES: usize = 16;

/// Set in the peer's family where there is such a client.
const HAS_CLIENT: u8 = 0x80;

/// Set in the byte before a rule's place: that there is a rule; that the request was held; that the
/// template failed. Between the first two stands the fault, from 1, or 0 for none. Earlier releases
/// wrote the first alone.
const HAS_RULE: u8 = 1;
const FAULT_SHIFT: u32 = 1;
const FAULT_MASK: u8 = 0b111;
const WAS_HELD: u8 = 0b1_0000;
const TEMPLATE_FAILED: u8 = 0b10_0000;

/// What follows the name in a front up to and with the time of its coming, in bytes.
pub(crate) const RECEIVED_BYTES: usize = 16 + 8;

/// When a capture came, from what follows the name in its front.
pub(crate) fn received_at(front: &[u8]) -> Option<Timestamp> {
    let mut fields = Fields(front);
    fields.bytes(16)?;
    fields.i64().map(Timestamp::from_micros)
}

/// The length of a capture's record in bytes.
pub(crate) fn capture_bytes(capture: &Capture) -> usize {
    HEADER_BYTES
        + capture.bin.as_str().len()
        + FIXED_BYTES
        + capture.client.map_or(0, |_| CLIENT_BYTES)
        + capture.head.len()
        + capture.body.wire.len()
}

/// Appends a capture's record, its body too if `with_body` says so; the body's checksum comes in,
/// so that nobody waits while it is reckoned.
pub(crate) fn encode_capture(
    into: &mut Vec<u8>,
    capture: &Capture,
    body_crc: u32,
    with_body: bool,
) {
    into.reserve(capture_bytes(capture) - if with_body { 0 } else { capture.body.wire.len() });
    let start = begin(into);
    let name = capture.bin.as_str().as_bytes();
    into.extend_from_slice(name);
    encode_fixed(into, capture);
    if let Some(client) = capture.client {
        into.extend_from_slice(&in_six(client).octets());
    }
    into.extend_from_slice(capture.head.as_bytes());
    let header = Header {
        kind: Kind::Capture as u8,
        name_bytes: u8::try_from(name.len()).unwrap_or(u8::MAX),
        front_bytes: 0,
        body_bytes: u32::try_from(capture.body.wire.len()).unwrap_or(u32::MAX),
        seq: capture.seq,
        front_crc: 0,
        body_crc,
    };
    seal(into, start, header);
    if with_body {
        into.extend_from_slice(&capture.body.wire);
    }
}

fn encode_fixed(into: &mut Vec<u8>, capture: &Capture) {
    into.extend_from_slice(capture.id.as_bytes());
    into.extend_from_slice(&capture.received_at.as_micros().to_le_bytes());
    encode_peer(into, capture.peer, capture.client.is_some());
    into.push(match capture.protocol {
        Protocol::Http10 => 0,
        Protocol::Http11 => 1,
        Protocol::Http2 => 2,
    });
    into.push(match capture.outcome {
        Outcome::Complete => 0,
        Outcome::Aborted => 1,
        Outcome::TimedOut => 2,
        Outcome::OverLimit => 3,
    });
    into.extend_from_slice(&capture.timing.head_us.to_le_bytes());
    into.extend_from_slice(&capture.timing.body_us.to_le_bytes());
    into.extend_from_slice(&capture.reply.status.to_le_bytes());
    into.push(reply_flags(capture.reply));
    into.extend_from_slice(&capture.reply.rule.unwrap_or_default().to_le_bytes());
    into.push(match capture.body.framing {
        Framing::Length => 0,
        Framing::Chunked => 1,
    });
    into.extend_from_slice(&capture.content_bytes.to_le_bytes());
}

fn reply_flags(reply: Replied) -> u8 {
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let fault = match reply.fault {
        None => 0,
        Some(Fault::Reset) => 1,
        Some(Fault::Close) => 2,
        Some(Fault::Stall) => 3,
        Some(Fault::Drip) => 4,
        Some(Fault::Truncate) => 5,
        Some(Fault::Garbage) => 6,
        Some(Fault::Endless) => 7,
    };
    flag(reply.rule.is_some(), HAS_RULE)
        | fault << FAULT_SHIFT
        | flag(reply.held, WAS_HELD)
        | flag(reply.template_failed, TEMPLATE_FAILED)
}

/// IPv4 as IPv6 writes it (RFC 4291, section 2.5.5.2).
fn in_six(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(four) => four.to_ipv6_mapped(),
        IpAddr::V6(six) => six,
    }
}

/// Both families take the same room, so that the head begins at a known place.
fn encode_peer(into: &mut Vec<u8>, peer: SocketAddr, has_client: bool) {
    let (family, address, flow, scope) = match peer {
        SocketAddr::V4(v4) => {
            let mut address = [0; 16];
            address[..4].copy_from_slice(&v4.ip().octets());
            (4, address, 0, 0)
        }
        SocketAddr::V6(v6) => (6, v6.ip().octets(), v6.flowinfo(), v6.scope_id()),
    };
    into.push(if has_client { family | HAS_CLIENT } else { family });
    into.extend_from_slice(&address);
    into.extend_from_slice(&peer.port().to_le_bytes());
    into.extend_from_slice(&flow.to_le_bytes());
    into.extend_from_slice(&scope.to_le_bytes());
}

/// Reads what follows the name in a front; head and body stay slices of what was read.
pub(super) fn decode_capture(
    front: &Bytes,
    body: Bytes,
    bin: &BinName,
    seq: Seq,
) -> Option<Capture> {
    let mut fields = Fields(front);
    let id = Uuid::from_bytes(fields.array()?);
    let received_at = Timestamp::from_micros(fields.i64()?);
    let (peer, has_client) = decode_peer(&mut fields)?;
    let protocol = match fields.u8()? {
        0 => Protocol::Http10,
        1 => Protocol::Http11,
        2 => Protocol::Http2,
        _ => return None,
    };
    let outcome = match fields.u8()? {
        0 => Outcome::Complete,
        1 => Outcome::Aborted,
        2 => Outcome::TimedOut,
        3 => Outcome::OverLimit,
        _ => return None,
    };
    let timing = Timing { head_us: fields.u64()?, body_us: fields.u64()? };
    let reply = decode_reply(&mut fields)?;
    let framing = decode_framing(fields.u8()?)?;
    let content_bytes = fields.u64()?;
    let client = match has_client {
        true => Some(Ipv6Addr::from(fields.array::<CLIENT_BYTES>()?).to_canonical()),
        false => None,
    };
    Some(Capture {
        bin: bin.clone(),
        seq,
        id,
        received_at,
        peer,
        client,
        protocol,
        outcome,
        timing,
        reply,
        body: Body { wire: body, framing },
        content_bytes,
        head: Head::from(front.slice_ref(fields.0)),
    })
}

/// The peer, and whether a client follows the fixed fields.
fn decode_peer(fields: &mut Fields<'_>) -> Option<(SocketAddr, bool)> {
    let family = fields.u8()?;
    let address: [u8; 16] = fields.array()?;
    let (port, flow, scope) = (fields.u16()?, fields.u32()?, fields.u32()?);
    let peer = match family & !HAS_CLIENT {
        4 => {
            let [a, b, c, d, ..] = address;
            SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port)
        }
        6 => SocketAddrV6::new(Ipv6Addr::from(address), port, flow, scope).into(),
        _ => return None,
    };
    Some((peer, family & HAS_CLIENT != 0))
}

fn decode_reply(fields: &mut Fields<'_>) -> Option<Replied> {
    let (status, flags, rule) = (fields.u16()?, fields.u8()?, fields.u32()?);
    let fault = match flags >> FAULT_SHIFT & FAULT_MASK {
        1 => Some(Fault::Reset),
        2 => Some(Fault::Close),
        3 => Some(Fault::Stall),
        4 => Some(Fault::Drip),
        5 => Some(Fault::Truncate),
        6 => Some(Fault::Garbage),
        7 => Some(Fault::Endless),
        _ => None,
    };
    Some(Replied {
        status,
        rule: (flags & HAS_RULE != 0).then_some(rule),
        fault,
        held: flags & WAS_HELD != 0,
        template_failed: flags & TEMPLATE_FAILED != 0,
    })
}

fn decode_framing(number: u8) -> Option<Framing> {
    match number {
        0 => Some(Framing::Length),
        1 => Some(Framing::Chunked),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flags: u8) -> Replied {
        let bytes = [200, 0, flags, 3, 0, 0, 0];
        decode_reply(&mut Fields(&bytes)).unwrap()
    }

    /// What an earlier release wrote, which had 0 and 1 alone, is read as it was meant.
    #[test]
    fn what_is_told_of_a_reply_is_read_again() {
        let plain = Replied { status: 200, ..Replied::default() };
        assert_eq!(read(0), plain);
        assert_eq!(read(1), Replied { rule: Some(3), ..plain });
        let faults = Fault::ALL.into_iter().map(Some).chain([None]);
        for (n, fault) in faults.enumerate() {
            let (held, template_failed) = (n % 2 == 0, n % 3 == 0);
            let told = Replied { rule: Some(3), fault, held, template_failed, ..plain };
            assert_eq!(read(reply_flags(told)), told);
        }
    }
}
