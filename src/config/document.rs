//! What is generated from the tables of fields: JSON Schemas for editors and the reference for people. Pure.

use serde_json::Value;

use crate::config::fields::profile::PROFILE_FILE;
use crate::config::fields::site::SITE_FILE;
use crate::config::fields::vision_profile::VISION_FILE;
use crate::model::text::Lang;
use crate::model::unit::UNITS;
use crate::text::code;
use crate::text::field::bi;
use crate::text::{reference as generate, schema as draft};

/// JSON Schema (draft-07) of the site file.
#[must_use]
pub fn schema() -> Value {
    draft::schema(&SITE_FILE, "gatehouse:site")
}

/// JSON Schema (draft-07) of a profile file.
#[must_use]
pub fn profile_schema() -> Value {
    draft::schema(&PROFILE_FILE, "gatehouse:profile")
}

/// JSON Schema (draft-07) of a vision profile.
#[must_use]
pub fn vision_schema() -> Value {
    draft::schema(&VISION_FILE, "gatehouse:vision")
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    std::fmt::Write::write_fmt(out, text).expect("writing into a String never fails");
}

/// The reference of all keys, units and codes, as Markdown.
#[must_use]
pub fn reference(lang: Lang) -> String {
    let title = bi("Configuration reference", "配置参考");
    let about = bi(
        "Generated from the program's own table of keys; do not edit. Ids are a lower-case letter followed by letters, \
         digits and `_`. Durations: `\"300ms\"`, `\"5s\"`, `\"20m\"`, `\"1h\"`, `\"2d\"`. Sizes: `\"64MiB\"`.",
        "由程序内的键表生成，请勿手改。标识以小写字母开头，只含小写字母、数字和 `_`。时长：`\"300ms\"`、`\"5s\"`、`\"20m\"`、`\"1h\"`、`\"2d\"`。\
         容量：`\"64MiB\"`。",
    );
    let mut seen = vec![];
    let mut out = format!("# {}\n\n{}\n\n", title.get(lang), about.get(lang));
    put(&mut out, format_args!("## {}\n\n", bi("The site file", "站点文件").get(lang)));
    // The keys of a point are described once, with the profiles.
    seen.push("point");
    out.push_str(&generate::sections(&SITE_FILE, lang, &mut seen));
    seen.retain(|name| *name != "point");
    put(&mut out, format_args!("## {}\n\n", bi("Profile files", "设备模板文件").get(lang)));
    out.push_str(&generate::sections(&PROFILE_FILE, lang, &mut seen));
    put(&mut out, format_args!("## {}\n\n", bi("Vision profiles", "视觉模板文件").get(lang)));
    out.push_str(&generate::sections(&VISION_FILE, lang, &mut seen));
    put(&mut out, format_args!("## {}\n\n", bi("Units", "单位").get(lang)));
    let units: Vec<String> = UNITS.iter().map(|(unit, _)| format!("`{unit}`")).collect();
    put(&mut out, format_args!("{}\n\n", units.join(", ")));
    put(&mut out, format_args!("## {}\n\n", bi("Codes of complaints", "诊断代码").get(lang)));
    for code in code::ALL {
        put(&mut out, format_args!("- `{}` {}\n", code.id, code.about.get(lang)));
    }
    out
}
