//! "Did you mean": the nearest of the accepted words. Pure.

use crate::model::text::Text;
use crate::text::diagnostic::say;

/// Longest word compared; longer ones are not typing slips.
const CHARS_MAX: usize = 64;

/// The candidate nearest to `word`: equal but for case, else at most a third of its letters away.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.chars().count() > CHARS_MAX {
        return None;
    }
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|c| c.len().abs_diff(word.len()) <= limit * 4)
        .map(|c| {
            let far = if c.eq_ignore_ascii_case(word) { 0 } else { strsim::damerau_levenshtein(word, c) };
            (far, c)
        })
        .filter(|(far, _)| *far <= limit)
        .min_by_key(|(far, _)| *far)
        .map(|(_, c)| c)
}

/// `did you mean X?`, or what there is to choose from.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<Text> {
    let all: Vec<&str> = candidates.into_iter().collect();
    if let Some(near) = nearest(word, all.iter().copied()) {
        return Some(say(format!("did you mean `{near}`?"), format!("是否想写 `{near}`？")));
    }
    let list = list(&all);
    (!all.is_empty()).then(|| say(format!("there are: {list}"), format!("可选：{list}")))
}

/// The first dozen of a list, in back quotes.
#[must_use]
pub fn list(all: &[&str]) -> String {
    let mut out = all.iter().take(12).map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ");
    if all.len() > 12 {
        out.push_str(", …");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_only() {
        let words = ["serial", "tcp", "timeout", "gap"];
        for (word, expected) in [
            ("seiral", Some("serial")),
            ("TCP", Some("tcp")),
            ("time_out", Some("timeout")),
            ("gpa", Some("gap")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, words), expected, "{word}");
        }
    }
}
