//! What somebody may have meant.

/// Suggestions for a word that is not there.
const CLOSE_MAX: usize = 3;

/// Words a few typing errors away from this one, or that begin with it, the closest first.
pub(super) fn close_to<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut ranked: Vec<(usize, &str)> = known
        .map(|known| (distance(word, known), known))
        .filter(|&(distance, known)| {
            distance <= known.len() / 3 || (word.len() > 3 && known.starts_with(word))
        })
        .collect();
    ranked.sort_by_key(|&(distance, _)| distance);
    ranked.into_iter().take(CLOSE_MAX).map(|(_, known)| known).collect()
}

/// How many single-character edits lead from one text to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let kept = corner + usize::from(a != b);
            corner = row[j + 1];
            row[j + 1] = kept.min(corner + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
