use std::borrow::Cow;
use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use thiserror::Error;

use super::Coding;
use crate::capture::Capture;
use crate::limits::ViewLimits;

/// Bytes decoded between two looks at the limits.
const STEP_BYTES: usize = 16 * 1024;
/// Members of one gzip file or frames of one zstd: an empty one costs microseconds and 9 bytes.
const MEMBERS_MAX: usize = 10_000;

/// Content with its codings taken off, as far as they could be.
pub(crate) struct Decoded<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    pub(crate) codings: Vec<Coding>,
}

#[derive(Debug, Error)]
enum Stop {
    #[error("it is {0} codings deep, of which at most {1} are taken off; take the raw body")]
    TooMany(usize, usize),
    #[error("this coding is not known here; take the raw body")]
    Unknown,
    #[error("more than {0} bytes come out; take the raw body")]
    Bytes(usize),
    #[error("more than {0} times its length comes out; take the raw body if you trust it")]
    Ratio(usize),
    #[error("more than {0} members follow one another; take the raw body")]
    Members(usize),
    #[error("it is damaged or cut off: {0}")]
    Damaged(String),
}

/// A capture's content with its content codings taken off.
pub(crate) fn content<'a>(capture: &'a Capture, limits: &ViewLimits) -> Decoded<'a> {
    let fields = capture.head.fields();
    let names = fields
        .filter(|(name, _)| name.eq_ignore_ascii_case(b"content-encoding"))
        .flat_map(|(_, value)| value.split(|&b| b == b','))
        .map(|name| String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase())
        .filter(|name| !name.is_empty() && name != "identity");
    let mut names: Vec<String> = names.collect();
    names.reverse();
    take_off(capture.body.decoded(), &names, limits)
}

/// Takes off these codings, the outermost first; the first that fails is the last that is tried.
fn take_off<'a>(bytes: Cow<'a, [u8]>, names: &[String], limits: &ViewLimits) -> Decoded<'a> {
    let mut decoded = Decoded { bytes, codings: Vec::new() };
    if decoded.bytes.is_empty() {
        return decoded;
    }
    if names.len() > limits.codings_max {
        let name = names.first().cloned().unwrap_or_default();
        let error = Stop::TooMany(names.len(), limits.codings_max);
        decoded.codings.push(coding(&name, 0, Err(error)));
        return decoded;
    }
    for name in names {
        let mut out = Output { bytes: Vec::new(), input_bytes: decoded.bytes.len(), limits };
        let result = run(name, &decoded.bytes, &mut out);
        let failed = result.is_err();
        decoded.codings.push(coding(name, out.bytes.len(), result));
        if !failed || !out.bytes.is_empty() {
            decoded.bytes = Cow::Owned(out.bytes);
        }
        if failed {
            break;
        }
    }
    decoded
}

fn coding(name: &str, size: usize, result: Result<(), Stop>) -> Coding {
    let error = result.err().map(|stop| format!("take off `{name}`: {stop}"));
    Coding { name: name.to_owned(), size: size as u64, error }
}

fn run(name: &str, bytes: &[u8], out: &mut Output<'_>) -> Result<(), Stop> {
    match name {
        "gzip" | "x-gzip" => members(bytes, |rest| gzip(rest, out)),
        "deflate" => deflate(bytes, out),
        "br" => brotli(bytes, out),
        "zstd" => zstd(bytes, out),
        _ => Err(Stop::Unknown),
    }
}

struct Output<'l> {
    bytes: Vec<u8>,
    input_bytes: usize,
    limits: &'l ViewLimits,
}

impl Output<'_> {
    fn read_all(&mut self, mut reader: impl Read) -> Result<(), Stop> {
        let mut step = vec![0; STEP_BYTES];
        loop {
            match reader.read(&mut step) {
                Ok(0) => return Ok(()),
                Ok(read) => self.push(&step[..read])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Stop::Damaged(error.to_string())),
            }
        }
    }

    /// Keeps what fits: the beginning of a bomb is shown, too.
    fn push(&mut self, step: &[u8]) -> Result<(), Stop> {
        let ratio = self.input_bytes.saturating_mul(self.limits.decoded_ratio_max);
        let by_ratio = ratio.max(self.limits.decoded_bytes_free);
        let max = by_ratio.min(self.limits.decoded_bytes_max);
        let room = max - self.bytes.len();
        self.bytes.extend_from_slice(&step[..step.len().min(room)]);
        if step.len() <= room {
            Ok(())
        } else if max == self.limits.decoded_bytes_max {
            Err(Stop::Bytes(max))
        } else {
            Err(Stop::Ratio(self.limits.decoded_ratio_max))
        }
    }
}

/// Decodes one after another until nothing is left.
fn members<'a>(
    mut bytes: &'a [u8],
    mut one: impl FnMut(&'a [u8]) -> Result<&'a [u8], Stop>,
) -> Result<(), Stop> {
    for _ in 0..MEMBERS_MAX {
        if bytes.is_empty() {
            return Ok(());
        }
        bytes = one(bytes)?;
    }
    if bytes.is_empty() { Ok(()) } else { Err(Stop::Members(MEMBERS_MAX)) }
}

/// One member (RFC 1952, section 2.2); yields what follows it.
fn gzip<'a>(bytes: &'a [u8], out: &mut Output<'_>) -> Result<&'a [u8], Stop> {
    let mut decoder = GzDecoder::new(bytes);
    out.read_all(&mut decoder)?;
    Ok(decoder.into_inner())
}

/// `deflate` is zlib's format (RFC 9110, section 8.4.1.2); many send the bare one (RFC 1951).
fn deflate(bytes: &[u8], out: &mut Output<'_>) -> Result<(), Stop> {
    let is_zlib = matches!(bytes, [cmf, flg, ..] if cmf & 0x0f == 8
        && u16::from_be_bytes([*cmf, *flg]) % 31 == 0);
    match inflate(bytes, is_zlib, out) {
        Err(Stop::Damaged(_)) if is_zlib && out.bytes.is_empty() => inflate(bytes, false, out),
        result => result,
    }
}

fn inflate(bytes: &[u8], is_zlib: bool, out: &mut Output<'_>) -> Result<(), Stop> {
    let mut decoder = Decompress::new(is_zlib);
    let mut step = vec![0; STEP_BYTES];
    loop {
        let (read, written) = (decoder.total_in(), decoder.total_out());
        let input = usize::try_from(read).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        let status = decoder.decompress(input, &mut step, FlushDecompress::None);
        let yielded = usize::try_from(decoder.total_out() - written).unwrap_or_default();
        out.push(&step[..yielded])?;
        match status {
            Ok(Status::StreamEnd) if decoder.total_in() == bytes.len() as u64 => return Ok(()),
            Ok(Status::StreamEnd) => return Err(Stop::Damaged("bytes follow its end".into())),
            Ok(_) if yielded == 0 && decoder.total_in() == read => {
                return Err(Stop::Damaged("unexpected end of file".into()));
            }
            Ok(_) => {}
            Err(error) => return Err(Stop::Damaged(error.to_string())),
        }
    }
}

/// Large windows are no part of the content coding (RFC 7932, section 9.1), and would cost 1 GiB.
fn brotli(bytes: &[u8], out: &mut Output<'_>) -> Result<(), Stop> {
    if bytes.first().is_some_and(|first| first & 0x7f == 0x11) {
        return Err(Stop::Damaged("its window is larger than 16 MiB".into()));
    }
    out.read_all(brotli_decompressor::Decompressor::new(bytes, STEP_BYTES))
}

/// Frames and skippable frames, one after another (RFC 8878, section 3); a window above what may
/// come out is refused, as HTTP allows (RFC 9659).
fn zstd(bytes: &[u8], out: &mut Output<'_>) -> Result<(), Stop> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(out.limits.decoded_bytes_max as u64);
    members(bytes, |mut rest| {
        match decoder.reset(&mut rest) {
            Ok(()) => frame(&mut decoder, &mut rest, out)?,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let after = usize::try_from(length).ok().and_then(|length| rest.get(length..));
                rest = after.ok_or_else(|| Stop::Damaged("unexpected end of file".into()))?;
            }
            Err(error) => return Err(Stop::Damaged(error.to_string())),
        }
        Ok(rest)
    })
}

fn frame(decoder: &mut FrameDecoder, bytes: &mut &[u8], out: &mut Output<'_>) -> Result<(), Stop> {
    while !decoder.is_finished() {
        let step = decoder.decode_blocks(&mut *bytes, BlockDecodingStrategy::UptoBlocks(1));
        step.map_err(|error| Stop::Damaged(error.to_string()))?;
        out.push(&decoder.collect().unwrap_or_default())?;
    }
    match decoder.get_checksum_from_data() {
        Some(sum) if decoder.get_calculated_checksum() != Some(sum) => {
            Err(Stop::Damaged("its checksum does not hold".into()))
        }
        _ => Ok(()),
    }
}
