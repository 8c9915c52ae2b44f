use std::fmt::Write as _;

use super::Content;

/// First bytes, and the media type that they tell of.
const SIGNATURES: [(&[u8], &str); 28] = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\0\0\x01\0", "image/vnd.microsoft.icon"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\x7fELF", "application/x-elf"),
    (b"\0asm", "application/wasm"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"PAR1", "application/vnd.apache.parquet"),
    (b"Obj\x01", "application/vnd.apache.avro"),
    (b"\xd9\xd9\xf7", "application/cbor"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"\x1a\x45\xdf\xa3", "video/x-matroska"),
    (b"\xed\xab\xee\xdb", "application/x-rpm"),
];

/// The media type that the first bytes tell of.
pub(super) fn looks_like(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some("audio/wav"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("video/mp4"),
        _ => SIGNATURES.iter().find(|(start, _)| bytes.starts_with(start)).map(|&(_, kind)| kind),
    }
}

/// Whether bytes are text that a person could have written: UTF-8 without control characters.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let is_control = |b: &u8| matches!(b, 0..=8 | 11 | 14..=31 | 127) && *b != 27;
    !bytes.iter().any(is_control) && std::str::from_utf8(bytes).is_ok()
}

pub(super) fn binary(bytes: &[u8], hex_bytes_max: usize) -> Content {
    let first = &bytes[..bytes.len().min(hex_bytes_max)];
    let looks_like = looks_like(bytes).map(str::to_owned);
    Content::Binary { looks_like, hex: hex(first) }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
