/// Whether a number, as JSON writes it, still has its value after a reader has put it in 64 bits
/// of floating point, as browsers and most languages do.
pub(crate) fn survives_f64(text: &str) -> bool {
    let Ok(float) = text.parse::<f64>() else { return false };
    float.is_finite() && decimal(text) == decimal(&format!("{float:e}"))
}

/// Sign, digits without the zeros around them, and the power of ten of the last; `None` where the
/// power does not fit.
fn decimal(text: &str) -> Option<(bool, String, i64)> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some((false, String::new(), 0));
    }
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let fraction = i64::try_from(fraction.len()).ok()?;
    let power = power.parse::<i64>().ok()?.checked_sub(fraction)?.checked_add(zeros)?;
    Some((negative, significant.to_owned(), power))
}
