use crate::headers::Octets;

/// The pairs of a form or query, percent-decoded, in order; those between two `&` without anything
/// are none.
pub(crate) fn pairs(bytes: &[u8]) -> impl Iterator<Item = (Octets, Octets)> {
    bytes.split(|&b| b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let equals = pair.iter().position(|&b| b == b'=').unwrap_or(pair.len());
        let value = pair.get(equals + 1..).unwrap_or_default();
        (percent_decoded(&pair[..equals]), percent_decoded(value))
    })
}

fn percent_decoded(bytes: &[u8]) -> Octets {
    let plus_as_space: Vec<u8> = bytes.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect();
    let decoded: Vec<u8> = percent_encoding::percent_decode(&plus_as_space).collect();
    Octets::from(&decoded[..])
}
