//! What an answer of the far end means. Pure: status, three headers and at most 1 MiB of body in, a verdict out.
//!
//! The rules: 2xx confirms (as far as `accepted_through` says); 408, 429 and 5xx ask to wait; 401 and 403 mean the
//! credential, and 404, 405, 407, 410, 411, 415, 421, 426, 431 and every redirect mean the address or the proxy in
//! front of it: nothing that is wrong with a single row, so nothing is given up and a person is told. Any other 4xx is
//! about the body: the caller bisects.

use std::time::Duration;

use serde::Deserialize;

use crate::model::journal::{Epoch, Stream};
use crate::model::text::Text;

/// Longest piece of a reply that is shown to people, in characters.
const QUOTE_MAX: usize = 160;

/// An answer as it came.
#[derive(Debug, Default)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`.
    pub retry_after: Option<String>,
    /// `Date`: against it a `Retry-After` in date form is read, since our own clock may be wrong.
    pub date: Option<String>,
    /// Body, cut at 1 MiB.
    pub body: Vec<u8>,
}

/// How far the far end says it has a stream.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Through {
    /// Stream.
    pub stream: Stream,
    /// Life of the store files.
    pub epoch: Epoch,
    /// Last number it has.
    pub seq: u64,
}

/// What to do about an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Taken, entirely (`None`) or as far as said.
    Accepted(Option<Through>),
    /// Not now.
    Wait {
        /// How long the far end asks for.
        after: Option<Duration>,
        /// For people.
        why: Text,
    },
    /// Nothing will be taken until a person changes something.
    Refused {
        /// For people.
        why: Text,
    },
    /// This body will never be taken.
    Rejected {
        /// For people.
        why: Text,
    },
}

#[derive(Deserialize)]
struct Body {
    accepted_through: Option<serde_json::Value>,
}

/// Judges an answer.
#[must_use]
pub fn judge(answer: &Answer) -> Verdict {
    let status = answer.status;
    match status {
        200..=299 => accepted(&answer.body),
        401 | 403 => Verdict::Refused {
            why: told(
                ("对端拒绝凭据", "；请检查令牌"),
                ("the far end refuses the credential", "; check its token"),
                answer,
            ),
        },
        300..=399 | 404 | 405 | 407 | 410 | 411 | 415 | 421 | 426 | 431 => Verdict::Refused {
            why: told(
                ("该网址不接收数据", "；请检查网址"),
                ("nothing takes batches at this address", "; check the url"),
                answer,
            ),
        },
        408 | 429 | 500..=599 => Verdict::Wait {
            after: answer.retry_after.as_deref().and_then(|text| retry_after(text, answer.date.as_deref())),
            why: told(("对端暂时不能接收", ""), ("the far end cannot take anything now", ""), answer),
        },
        400..=499 => Verdict::Rejected { why: told(("对端拒收", ""), ("the far end rejects this", ""), answer) },
        _ => Verdict::Wait {
            after: None, why: told(("对端应答无法理解", ""), ("an unknown answer", ""), answer)
        },
    }
}

fn accepted(body: &[u8]) -> Verdict {
    let said = serde_json::from_slice::<Body>(body).ok().and_then(|b| b.accepted_through);
    match said {
        None => Verdict::Accepted(None),
        Some(through) => match serde_json::from_value(through) {
            Ok(through) => Verdict::Accepted(Some(through)),
            Err(e) => {
                let zh = format!("对端应答中的 `accepted_through` 无法读取：{e}");
                let why = Text::new(&zh, &format!("`accepted_through` of the far end is not readable: {e}"));
                Verdict::Wait { after: None, why }
            }
        },
    }
}

/// What the far end answered, with status and the start of its own words; what to do comes last.
fn told(zh: (&str, &str), en: (&str, &str), answer: &Answer) -> Text {
    let (status, quote) = (answer.status, quote(&answer.body));
    Text::new(
        &format!("{}（状态 {status}{quote}）{}", zh.0, zh.1),
        &format!("{} (status {status}{quote}){}", en.0, en.1),
    )
}

/// RFC 9110, 10.2.3: seconds, or a date.
fn retry_after(text: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    let now = jiff::fmt::rfc2822::parse(date?.trim()).ok()?.timestamp();
    let seconds = until.as_second().saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// The start of a text reply, for people; nothing for a page of HTML or for bytes.
fn quote(body: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(body.get(..body.len().min(4096)).unwrap_or_default()) else {
        return String::new();
    };
    let text = text.trim();
    if text.is_empty() || text.starts_with('<') {
        return String::new();
    }
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(QUOTE_MAX).collect();
    format!(": {clean}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.as_bytes().to_vec(), ..Answer::default() }
    }

    fn kind(status: u16) -> &'static str {
        match judge(&answer(status, "")) {
            Verdict::Accepted(_) => "accepted",
            Verdict::Wait { .. } => "wait",
            Verdict::Refused { .. } => "refused",
            Verdict::Rejected { .. } => "rejected",
        }
    }

    #[test]
    fn every_status_has_one_meaning() {
        for (status, expected) in [
            (200, "accepted"),
            (204, "accepted"),
            (301, "refused"),
            (400, "rejected"),
            (401, "refused"),
            (403, "refused"),
            (404, "refused"),
            (408, "wait"),
            (409, "rejected"),
            (413, "rejected"),
            (415, "refused"),
            (422, "rejected"),
            (429, "wait"),
            (500, "wait"),
            (503, "wait"),
            (599, "wait"),
            (100, "wait"),
            (700, "wait"),
        ] {
            assert_eq!(kind(status), expected, "{status}");
        }
    }

    #[test]
    fn accepted_through_is_read_and_a_broken_one_waits() {
        let body = r#"{"accepted_through":{"stream":"alarm","epoch":"00000000000000ff","seq":7},"more":1}"#;
        let through = Through { stream: Stream::Alarm, epoch: Epoch(255), seq: 7 };
        assert_eq!(judge(&answer(200, body)), Verdict::Accepted(Some(through)));
        assert_eq!(judge(&answer(200, "")), Verdict::Accepted(None));
        assert_eq!(judge(&answer(200, "thanks")), Verdict::Accepted(None));
        assert_eq!(judge(&answer(200, r#"{"accepted_through":null}"#)), Verdict::Accepted(None));
        let broken = r#"{"accepted_through":{"stream":"alarm","epoch":"x","seq":-1}}"#;
        assert!(matches!(judge(&answer(200, broken)), Verdict::Wait { .. }));
    }

    #[test]
    fn retry_after_comes_in_both_forms() {
        let seconds = |retry: &str, date: Option<&str>| {
            let answer = Answer {
                status: 503,
                retry_after: Some(retry.to_owned()),
                date: date.map(str::to_owned),
                body: Vec::new(),
            };
            match judge(&answer) {
                Verdict::Wait { after, .. } => after.map(|d| d.as_secs()),
                other => panic!("{other:?}"),
            }
        };
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(seconds("120", None), Some(120));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:37 GMT", date), Some(60));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:40:37 GMT", date), Some(0));
        assert_eq!(seconds("soon", date), None);
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:37 GMT", None), None);
    }

    #[test]
    fn quotes_are_short_and_plain() {
        assert_eq!(quote(b"<html>"), "");
        assert_eq!(quote(b"\xff\xfe"), "");
        assert_eq!(quote(b"bad\nrow"), ": bad row");
        assert_eq!(quote(&[b'a'; 9000]).len(), 2 + QUOTE_MAX);
    }
}
