//! The words of the page and of error messages: one catalogue per language, and which language a reader gets.
//!
//! The catalogues are flat JSON files beside the templates. Tests hold that both have the same keys, that every key is
//! used and that every used key exists. Alarm and point texts are not here: they come with the site.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE};

use crate::model::text::Lang;

type Catalogue = BTreeMap<String, String>;

static ZH: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("page/zh-CN.json")));
static EN: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("page/en.json")));

fn read(text: &str) -> Catalogue {
    serde_json::from_str(text).expect("the catalogues are compiled in and a test reads them")
}

/// The words of one language. Cheap to copy; templates call it `w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words(pub Lang);

impl Words {
    /// The words called `key`; the key itself if there are none, which a test over all pages forbids.
    #[must_use]
    pub fn t(&self, key: &'static str) -> &'static str {
        let catalogue: &'static Catalogue = match self.0 {
            Lang::Zh => &ZH,
            Lang::En => &EN,
        };
        catalogue.get(key).map_or(key, String::as_str)
    }

    /// The same with `{0}` replaced.
    #[must_use]
    pub fn t1(&self, key: &'static str, a: impl std::fmt::Display) -> String {
        self.t(key).replace("{0}", &a.to_string())
    }

    /// The same with `{0}` and `{1}` replaced.
    #[must_use]
    pub fn t2(&self, key: &'static str, a: impl std::fmt::Display, b: impl std::fmt::Display) -> String {
        self.t1(key, a).replace("{1}", &b.to_string())
    }

    /// The text with `{0}`, `{1}` and `{2}` filled in.
    pub fn t3(
        &self,
        key: &'static str,
        a: impl std::fmt::Display,
        b: impl std::fmt::Display,
        c: impl std::fmt::Display,
    ) -> String {
        self.t2(key, a, b).replace("{2}", &c.to_string())
    }
}

/// The name of the cookie that remembers the reader's choice.
pub const COOKIE_NAME: &str = "gatehouse_lang";

/// The reader's language: `?lang=`, then the cookie, then what the browser asks for, then the site's.
#[must_use]
pub fn choose(query: Option<&str>, headers: &HeaderMap, site: Lang) -> Lang {
    from_query(query).or_else(|| from_cookie(headers)).or_else(|| from_accept(headers)).unwrap_or(site)
}

/// The language named by `?lang=`.
#[must_use]
pub fn from_query(query: Option<&str>) -> Option<Lang> {
    query?.split('&').find_map(|pair| pair.strip_prefix("lang=")).and_then(Lang::from_tag)
}

fn from_cookie(headers: &HeaderMap) -> Option<Lang> {
    headers.get_all(COOKIE).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE_NAME).then(|| Lang::from_tag(value)).flatten()
    })
}

/// The first language of the list that we have. Browsers list by preference, so the weights need no reading.
fn from_accept(headers: &HeaderMap) -> Option<Lang> {
    let list = headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?;
    list.split(',').find_map(|entry| entry.split(';').next().and_then(Lang::from_tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_reader_chooses_before_the_browser_and_the_browser_before_the_site() {
        let mut headers = HeaderMap::new();
        assert_eq!(choose(None, &headers, Lang::Zh), Lang::Zh);
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static("fr, en-GB;q=0.8, zh;q=0.1"));
        assert_eq!(choose(None, &headers, Lang::Zh), Lang::En);
        headers.insert(COOKIE, HeaderValue::from_static("a=b; gatehouse_lang=zh-CN"));
        assert_eq!(choose(None, &headers, Lang::En), Lang::Zh);
        assert_eq!(choose(Some("x=1&lang=en"), &headers, Lang::Zh), Lang::En);
        assert_eq!(choose(Some("lang=tlh"), &headers, Lang::En), Lang::Zh);
    }

    #[test]
    fn both_catalogues_have_the_same_keys_and_places() {
        assert_eq!(ZH.keys().collect::<Vec<_>>(), EN.keys().collect::<Vec<_>>());
        for (key, zh) in ZH.iter() {
            for place in ["{0}", "{1}"] {
                assert_eq!(zh.contains(place), EN[key].contains(place), "{key} {place}");
            }
        }
    }

    /// All sources and templates of this part, as they stand on disk.
    fn sources(below: &std::path::Path, into: &mut String) {
        for entry in std::fs::read_dir(below).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, into);
            } else if path.extension().is_some_and(|e| e == "rs" || e == "html") {
                into.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn every_key_is_used() {
        let mut text = String::new();
        sources(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/api")), &mut text);
        let unused: Vec<_> = ZH.keys().filter(|key| !text.contains(&format!("\"{key}\""))).collect();
        assert!(unused.is_empty(), "unused: {unused:?}");
    }

    #[test]
    fn every_used_key_exists() {
        let mut text = String::new();
        sources(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/api")), &mut text);
        let mut missing = Vec::new();
        for call in [".t(\"", ".t1(\"", ".t2(\""] {
            for rest in text.split(call).skip(1) {
                let key = rest.split('"').next().unwrap_or_default();
                if key.contains('.') && !ZH.contains_key(key) {
                    missing.push(key.to_owned());
                }
            }
        }
        assert!(missing.is_empty(), "missing: {missing:?}");
    }
}
