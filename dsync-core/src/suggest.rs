//! "Did you mean": the nearest of the legal words.

/// The clause ` (did you mean `x`?)`, or nothing where no legal word is near.
pub(crate) fn did_you_mean<'a>(word: &str, legal: impl IntoIterator<Item = &'a str>) -> String {
    // 0.7 finds one slip in a short word and two in a long one, and does not turn "foo" into "date".
    const NEAR: f64 = 0.7;

    legal
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(nearness, _)| *nearness >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| format!(" (did you mean `{candidate}`?)"))
        .unwrap_or_default()
}
