//! JSON Schema (draft-07) from the table of fields, for completion and red lines in editors. Pure.
//!
//! A schema can say less than the reader checks; it never refuses what the reader accepts.

use serde_json::{Map, Value, json};

use crate::model::unit::UNITS;
use crate::text::field::{Bi, Field, Kind, Need, Scalar, Table};

/// The schema of a whole file.
#[must_use]
pub fn schema(table: &'static Table, id: &str) -> Value {
    let mut definitions = Map::new();
    let mut root = object(table, false, &mut definitions);
    root["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    root["$id"] = json!(id);
    root["definitions"] = Value::Object(definitions);
    root
}

/// Both languages: an editor shows one text.
fn both(text: Bi) -> String {
    format!("{} / {}", text.zh, text.en)
}

fn object(table: &'static Table, partial: bool, definitions: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for field in table.fields {
        properties.insert(field.key.to_owned(), property(field, definitions));
    }
    let mut object = json!({
        "type": "object",
        "description": both(table.doc),
        "properties": properties,
        "additionalProperties": false,
    });
    if !partial {
        let required: Vec<&str> = table.fields.iter().filter(|f| f.need == Need::Required).map(|f| f.key).collect();
        if !required.is_empty() {
            object["required"] = json!(required);
        }
        let groups: Vec<Value> = table.one_of.iter().map(|group| one_of(group)).collect();
        if !groups.is_empty() {
            object["allOf"] = json!(groups);
        }
    }
    object
}

fn one_of(group: &[&str]) -> Value {
    let each: Vec<Value> = group.iter().map(|key| json!({ "required": [key] })).collect();
    json!({ "oneOf": each })
}

fn property(field: &'static Field, definitions: &mut Map<String, Value>) -> Value {
    let inner = kind(&field.kind, definitions);
    // Siblings of `$ref` are ignored in draft-07.
    let mut value = if inner.get("$ref").is_some() { json!({ "allOf": [inner] }) } else { inner };
    value["description"] = json!(both(field.doc));
    if let Need::Default(default) = field.need {
        value["default"] = scalar(default);
    }
    value
}

fn scalar(value: Scalar<'_>) -> Value {
    match value {
        Scalar::Bool(b) => json!(b),
        Scalar::Int(v) => json!(v),
        Scalar::Number(v) => json!(v),
        Scalar::Text(text) => json!(text),
    }
}

/// A reference to a table, defined on first use.
fn reference(table: &'static Table, partial: bool, definitions: &mut Map<String, Value>) -> Value {
    let name = if partial { format!("{}_changes", table.name) } else { table.name.to_owned() };
    if !definitions.contains_key(&name) {
        definitions.insert(name.clone(), Value::Null);
        let object = object(table, partial, definitions);
        definitions.insert(name.clone(), object);
    }
    json!({ "$ref": format!("#/definitions/{name}") })
}

const ID_PATTERN: &str = "^[a-z][a-z0-9_]{0,63}$";

fn by_id(value: &Value) -> Value {
    json!({ "type": "object", "propertyNames": { "pattern": ID_PATTERN }, "additionalProperties": value })
}

fn kind(kind: &'static Kind, definitions: &mut Map<String, Value>) -> Value {
    match kind {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Int { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Number { min, max } => number(*min, *max),
        Kind::Range => json!({ "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 }),
        Kind::Text { max } => json!({ "type": "string", "maxLength": max }),
        Kind::Id => json!({ "type": "string", "pattern": ID_PATTERN }),
        Kind::Duration { .. } => json!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? *(ms|s|m|h|d)$" }),
        Kind::Size { .. } => json!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? *([kMGT]|[KMGT]i)?B$" }),
        Kind::Unit => json!({ "type": "string", "enum": UNITS.iter().map(|(unit, _)| *unit).collect::<Vec<_>>() }),
        Kind::Word(words) => {
            json!({ "type": "string", "enum": words.iter().map(|(word, _)| *word).collect::<Vec<_>>() })
        }
        Kind::Checked(notation) => match notation.pattern {
            Some(pattern) => json!({ "type": "string", "pattern": pattern, "examples": [notation.example] }),
            None => json!({ "type": "string", "examples": [notation.example] }),
        },
        Kind::Two => two(),
        Kind::TwoList => {
            let texts = json!({ "type": "array", "items": { "type": "string" } });
            json!({ "anyOf": [
                { "type": "string" },
                { "type": "array", "items": two() },
                { "type": "object", "properties": { "zh": texts, "en": texts }, "additionalProperties": false, "minProperties": 1 },
            ] })
        }
        Kind::List { of, max } => json!({ "type": "array", "items": self::kind(of, definitions), "maxItems": max }),
        Kind::Table(table) => reference(table, false, definitions),
        Kind::Tables(table) => by_id(&reference(table, false, definitions)),
        Kind::Changes(table) => by_id(&reference(table, true, definitions)),
        Kind::Array(table) => json!({ "type": "array", "items": reference(table, false, definitions) }),
        Kind::Map { of, .. } => json!({ "type": "object", "additionalProperties": self::kind(of, definitions) }),
        Kind::Either(kinds) => {
            let each: Vec<Value> = kinds.iter().map(|k| self::kind(k, definitions)).collect();
            json!({ "anyOf": each })
        }
        Kind::Any => json!({}),
    }
}

fn number(min: f64, max: f64) -> Value {
    let mut value = json!({ "type": "number" });
    if min > f64::MIN {
        value["minimum"] = json!(min);
    }
    if max < f64::MAX {
        value["maximum"] = json!(max);
    }
    value
}

fn two() -> Value {
    let text = json!({ "type": "string" });
    json!({ "anyOf": [
        text,
        { "type": "object", "properties": { "zh": text, "en": text }, "additionalProperties": false, "minProperties": 1 },
    ] })
}
