//! One plain value against its kind. Pure: the same function reads what is written and what stands as default.

use toml::de::DeValue;

use crate::model::id::Id;
use crate::model::text::Text;
use crate::model::unit::{UNITS, Unit};
use crate::text::code::{self, Code};
use crate::text::diagnostic::{say, shown};
use crate::text::field::{Complaint, Kind, Scalar};
use crate::text::quantity::{duration, show_bytes, show_ms, size};
use crate::text::reader::words;
use crate::text::record::Value;
use crate::text::suggest::did_you_mean;

/// What is wrong with a value.
pub(super) struct Fault {
    pub(super) code: Code,
    pub(super) message: Text,
    pub(super) help: Option<Text>,
}

impl Fault {
    fn new(code: Code, message: Text, help: Option<Text>) -> Self {
        Self { code, message, help }
    }
}

/// The plain value of a node, if it is one. A whole number too large for 64 bits, and a number too large for a float,
/// are numbers that no range accepts.
pub(super) fn plain<'a>(node: &'a DeValue<'_>) -> Option<Scalar<'a>> {
    match node {
        DeValue::String(text) => Some(Scalar::Text(text)),
        DeValue::Integer(int) => Some(match i64::from_str_radix(int.as_str(), int.radix()) {
            Ok(v) => Scalar::Int(v),
            Err(_) => Scalar::Number(f64::INFINITY),
        }),
        DeValue::Float(float) => Some(Scalar::Number(float.as_str().parse().unwrap_or(f64::NAN))),
        DeValue::Boolean(b) => Some(Scalar::Bool(*b)),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// A finite number.
pub(super) fn as_number(scalar: Scalar<'_>) -> Option<f64> {
    match scalar {
        Scalar::Int(v) => Some(v as f64),
        Scalar::Number(v) if v.is_finite() => Some(v),
        _ => None,
    }
}

/// Reads a plain value as `kind`.
pub(super) fn read(kind: &Kind, scalar: Scalar<'_>) -> Result<Value, Fault> {
    match (kind, scalar) {
        (Kind::Bool, Scalar::Bool(b)) => Ok(Value::Bool(b)),
        (Kind::Int { min, max }, Scalar::Int(v)) if (*min..=*max).contains(&v) => Ok(Value::Int(v)),
        (Kind::Int { min, max }, Scalar::Int(v)) => {
            Err(out_of_range(&v.to_string(), &min.to_string(), &max.to_string()))
        }
        (Kind::Int { min, max }, Scalar::Number(v)) if v.is_infinite() => {
            Err(out_of_range("the number", &min.to_string(), &max.to_string()))
        }
        (Kind::Number { min, max }, Scalar::Int(_) | Scalar::Number(_)) => number(*min, *max, scalar),
        (Kind::Text { max }, Scalar::Text(text)) => plain_text(text, *max).map(Value::Text),
        (Kind::Two, Scalar::Text(text)) => plain_text(text, TEXT_MAX).map(|text| Value::Two(Text::same(&text))),
        (Kind::TwoList, Scalar::Text(text)) => {
            plain_text(text, TEXT_MAX).map(|text| Value::TwoList(vec![Text::same(&text)]))
        }
        (Kind::Id, Scalar::Text(text)) => Id::new(text).map(Value::Id).map_err(|why| {
            let (message, help) = words::id_words(text, &why);
            Fault::new(code::ID, message, Some(help))
        }),
        (Kind::Duration { min_ms, max_ms }, Scalar::Text(text)) => {
            let value = duration(text).map_err(notation)?;
            let ms = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
            if (*min_ms..=*max_ms).contains(&ms) {
                Ok(Value::Duration(value))
            } else {
                Err(out_of_range(&format!("\"{text}\""), &show_ms(*min_ms), &show_ms(*max_ms)))
            }
        }
        (Kind::Size { min, max }, Scalar::Text(text)) => {
            let bytes = size(text).map_err(notation)?;
            if (*min..=*max).contains(&bytes) {
                Ok(Value::Size(bytes))
            } else {
                Err(out_of_range(&format!("\"{text}\""), &show_bytes(*min), &show_bytes(*max)))
            }
        }
        (Kind::Duration { .. }, Scalar::Int(_) | Scalar::Number(_)) => Err(Fault::new(
            code::TYPE,
            say("a duration needs its unit", "时长必须带单位"),
            Some(say(
                "write it as text: \"300ms\", \"5s\", \"20m\", \"1h\"",
                "请写成文本：\"300ms\"、\"5s\"、\"20m\"、\"1h\"",
            )),
        )),
        (Kind::Unit, Scalar::Text(text)) => Unit::new(text).map(Value::Unit).ok_or_else(|| unit_fault(text)),
        (Kind::Word(words), Scalar::Text(text)) => word(words, text),
        (Kind::Checked(notation), Scalar::Text(text)) => match (notation.check)(text) {
            Ok(()) => Ok(Value::Text(text.to_owned())),
            Err(complaint) => Err(self::notation(complaint)),
        },
        (_, scalar) => Err(wrong_type(kind, words::type_of_scalar(scalar))),
    }
}

/// Longest text for people, in characters.
const TEXT_MAX: usize = 2000;

fn number(min: f64, max: f64, scalar: Scalar<'_>) -> Result<Value, Fault> {
    match as_number(scalar) {
        Some(v) if (min..=max).contains(&v) => Ok(Value::Number(v)),
        Some(v) => Err(out_of_range(&v.to_string(), &min.to_string(), &max.to_string())),
        None => Err(Fault::new(code::RANGE, say("a finite number is expected here", "此处应为有限的数"), None)),
    }
}

fn plain_text(text: &str, max: usize) -> Result<String, Fault> {
    if text.chars().count() > max {
        let message = say(format!("at most {max} characters are accepted here"), format!("此处最多 {max} 个字符"));
        return Err(Fault::new(code::RANGE, message, None));
    }
    if let Some(bad) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
        let message = say(
            format!("the text holds the control character {}", bad.escape_unicode()),
            format!("文本中含有控制字符 {}", bad.escape_unicode()),
        );
        return Err(Fault::new(code::RANGE, message, Some(say("remove it", "请删除"))));
    }
    Ok(text.to_owned())
}

fn word(words: &'static [(&'static str, crate::text::field::Bi)], text: &str) -> Result<Value, Fault> {
    if let Some((word, _)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(Value::Word(word));
    }
    let message =
        say(format!("`{}` is not one of the accepted words", shown(text)), format!("`{}` 不是可用的取值", shown(text)));
    Err(Fault::new(code::WORD, message, did_you_mean(text, words.iter().map(|(word, _)| *word))))
}

fn notation(complaint: Complaint) -> Fault {
    Fault::new(code::NOTATION, complaint.message, Some(complaint.help))
}

fn out_of_range(value: &str, min: &str, max: &str) -> Fault {
    Fault::new(
        code::RANGE,
        say(format!("{value} is outside {min} .. {max}"), format!("{value} 超出范围 {min} .. {max}")),
        Some(say(format!("write a value from {min} to {max}"), format!("请写 {min} 到 {max} 之间的值"))),
    )
}

fn unit_fault(text: &str) -> Fault {
    let message = say(format!("`{}` is not a known unit", shown(text)), format!("`{}` 不是已知的单位", shown(text)));
    let help = match words::unit_alias(text) {
        Some(unit) => Some(say(format!("did you mean `{unit}`?"), format!("是否想写 `{unit}`？"))),
        None => did_you_mean(text, UNITS.iter().map(|(unit, _)| *unit)),
    };
    Fault::new(code::UNIT, message, help)
}

/// The value is of a TOML type that this kind never has.
pub(super) fn wrong_type(kind: &Kind, found: (&str, &str)) -> Fault {
    wrong_type_of(&words::name(kind), found)
}

/// The same with the expectation in words: `(English, Chinese, example)`.
pub(super) fn wrong_type_of(expected: &(String, String, String), found: (&str, &str)) -> Fault {
    Fault::new(
        code::TYPE,
        say(
            format!("{} is expected here, not {}", expected.0, found.0),
            format!("此处应为{}，而不是{}", expected.1, found.1),
        ),
        Some(say(format!("for example {}", expected.2), format!("例如 {}", expected.2))),
    )
}
