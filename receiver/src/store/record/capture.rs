//! A capture as a record's front and body.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use bytes::Bytes;
use hooklab_shared::body::{Body, Framing};
use hooklab_shared::capture::{Capture, Outcome, Protocol, Replied, Timing};
use hooklab_shared::headers::Head;
use hooklab_shared::id::{BinName, Seq, Timestamp};
use uuid::Uuid;

use super::{Fields, HEADER_BYTES, Header, Kind, begin, seal};

/// The length of a front's fixed fields in bytes, between the bin's name and the head.
const FIXED_BYTES: usize = 16 + 8 + 27 + 1 + 1 + 8 + 8 + 2 + 5 + 1 + 8;

/// What stands between them and the head where a client was told by a proxy, in bytes.
const CLIENT_BYTES: usize = 16;

/// Set in the peer's family where there is such a client.
const HAS_CLIENT: u8 = 0x80;

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
    marker: u64,
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
    seal(into, start, marker, header);
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
    into.push(capture.reply.rule.is_some().into());
    into.extend_from_slice(&capture.reply.rule.unwrap_or_default().to_le_bytes());
    into.push(match capture.body.framing {
        Framing::Length => 0,
        Framing::Chunked => 1,
    });
    into.extend_from_slice(&capture.content_bytes.to_le_bytes());
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
    let reply = Replied { status: fields.u16()?, rule: decode_rule(&mut fields)? };
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

fn decode_rule(fields: &mut Fields<'_>) -> Option<Option<u32>> {
    let present = fields.u8()?;
    let rule = fields.u32()?;
    Some((present == 1).then_some(rule))
}

fn decode_framing(number: u8) -> Option<Framing> {
    match number {
        0 => Some(Framing::Length),
        1 => Some(Framing::Chunked),
        _ => None,
    }
}
