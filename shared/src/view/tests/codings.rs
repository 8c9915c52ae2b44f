use std::io::Write as _;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;

fn coding_error(view: &View) -> &str {
    view.codings.last().and_then(|coding| coding.error.as_deref()).unwrap_or_default()
}

pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn bare_deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
}

fn unhex(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
}

pub(super) const HELLO: &[u8] = br#"{"a":"hello"}"#;
const HELLO_BR: &str = "0b06807b2261223a2268656c6c6f227d03";
const HELLO_ZSTD: &str = "28b52ffd240d6900007b2261223a2268656c6c6f227d653b4d3a";
const EMPTY_ZSTD: &str = "28b52ffd2000010000";
const MIB_OF_ZEROS_BR: &str = "5bffff8f7f02201e0b0472ef1f00";
const ZSTD_WINDOW_OF_128_MIB: &str = "28b52ffd00883900007b2261223a317d";

#[test]
fn every_coding_is_taken_off() {
    let skippable = [&b"\x50\x2a\x4d\x18\x02\0\0\0xy"[..], &unhex(HELLO_ZSTD)].concat();
    let two_members = [gzip(&HELLO[..5]), gzip(&HELLO[5..])].concat();
    let two_frames = [zstd(&HELLO[..5]), zstd(&HELLO[5..])].concat();
    for (codings, bytes) in [
        ("gzip", gzip(HELLO)),
        ("X-GZip", two_members),
        ("deflate", zlib(HELLO)),
        ("deflate", bare_deflate(HELLO)),
        ("br", unhex(HELLO_BR)),
        ("zstd", unhex(HELLO_ZSTD)),
        ("zstd", skippable),
        ("zstd", two_frames),
        ("identity", HELLO.to_vec()),
        ("", HELLO.to_vec()),
        ("deflate, gzip", gzip(&zlib(HELLO))),
        ("br, identity ,zstd,deflate,gzip", gzip(&zlib(&zstd(&unhex(HELLO_BR))))),
    ] {
        let view = look(&[&format!("Content-Encoding: {codings}")], &bytes);
        assert_eq!(text_of(&view), "{\n  \"a\": \"hello\"\n}", "{codings}: {view:?}");
        assert_eq!((coding_error(&view), view.size), ("", 13), "{codings}");
    }
    let two_fields = ["content-encoding: deflate", "Content-Encoding: gzip"];
    let view = look(&two_fields, &gzip(&zlib(HELLO)));
    assert_eq!(
        view.codings.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(),
        ["gzip", "deflate"]
    );
    assert_eq!(view.size, 13);
}

#[test]
fn what_cannot_be_taken_off_is_told() {
    let cut = |bytes: Vec<u8>, n: usize| bytes[..bytes.len() - n].to_vec();
    let mut bad_sum = unhex(HELLO_ZSTD);
    *bad_sum.last_mut().unwrap() ^= 1;
    for (codings, bytes, error) in [
        ("gzip", HELLO.to_vec(), "damaged"),
        ("gzip", cut(gzip(HELLO), 4), "damaged"),
        ("gzip", [gzip(HELLO), b"junk".to_vec()].concat(), "damaged"),
        ("deflate", cut(zlib(HELLO), 6), "end of file"),
        ("deflate", [zlib(HELLO), b"junk".to_vec()].concat(), "bytes follow"),
        ("br", cut(unhex(HELLO_BR), 3), "damaged"),
        ("br", b"\x11\x1e".to_vec(), "window"),
        ("zstd", cut(unhex(HELLO_ZSTD), 3), "damaged"),
        ("zstd", bad_sum, "checksum"),
        ("zstd", unhex(ZSTD_WINDOW_OF_128_MIB), "indow"),
        ("compress", HELLO.to_vec(), "not known"),
        ("aws-chunked", HELLO.to_vec(), "not known"),
        ("gzip,gzip,gzip,gzip,gzip", gzip(HELLO), "5 codings deep"),
    ] {
        let view = look(&[&format!("Content-Encoding: {codings}")], &bytes);
        assert!(coding_error(&view).contains(error), "{codings}: {view:?}");
        assert!(view.codings.len() <= 1, "{codings}: {view:?}");
    }
    let aborted = look(&["Content-Encoding: gzip"], &gzip(&[b'x'; 40_000])[..60]);
    assert!(aborted.size > 1_000, "what came is shown: {aborted:?}");
}

#[test]
fn bombs_end_at_the_limit() {
    let member = gzip(&vec![0; 1 << 20]);
    let ten_gb = gzip(&member.repeat(10_000));
    for (codings, bytes, told) in [
        ("gzip", member.repeat(10_000), "more than 8388608 bytes"),
        ("gzip, gzip", ten_gb, "more than"),
        ("gzip", gzip(b"").repeat(100_000), "more than 10000 members"),
        ("zstd", unhex(EMPTY_ZSTD).repeat(100_000), "more than 10000 members"),
        ("deflate", zlib(&vec![0; 1 << 20]), "more than 200 times"),
        ("br", unhex(MIB_OF_ZEROS_BR), "more than 200 times"),
        ("zstd", zstd(&vec![0; 4 << 20]), "more than"),
    ] {
        let start = Instant::now();
        let view = look(&[&format!("Content-Encoding: {codings}")], &bytes);
        assert!(start.elapsed() < Duration::from_secs(10), "{codings}: {:?}", start.elapsed());
        assert!(coding_error(&view).contains(told), "{codings}: {:?}", view.codings);
        assert!(view.size <= 8 << 20, "{codings}: {:?}", view.codings);
    }
    let small = look(&["Content-Encoding: br"], &unhex(HELLO_BR));
    assert_eq!(coding_error(&small), "");
    let repetitive = look(&["Content-Encoding: gzip"], &gzip(&[b' '; 60_000]));
    assert_eq!((coding_error(&repetitive), repetitive.size), ("", 60_000));
}

#[test]
fn damaged_content_never_panics() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap()
    };
    let text: Vec<u8> =
        (0..2_000).flat_map(|n: u32| format!("{{\"n\":{n}}}").into_bytes()).collect();
    let seeds = [
        ("gzip", gzip(&text)),
        ("deflate", zlib(&text)),
        ("deflate", bare_deflate(&text)),
        ("zstd", zstd(&text)),
        ("zstd", unhex(HELLO_ZSTD)),
        ("br", unhex(HELLO_BR)),
        ("br", unhex(MIB_OF_ZEROS_BR)),
    ];
    for (coding, seed) in seeds {
        for _ in 0..100 {
            let mut bytes = seed.clone();
            for _ in 0..=random() % 4 {
                let at = random() % bytes.len();
                bytes[at] = u8::try_from(random() % 256).unwrap();
            }
            bytes.truncate(bytes.len() - random() % 3);
            let view = look(&[&format!("Content-Encoding: {coding}")], &bytes);
            assert!(view.size <= 8 << 20);
        }
    }
}
