//! Text for people in the two languages of the product.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A language of page, messages and command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Lang {
    /// Simplified Chinese; the duty room's language and the default.
    #[default]
    #[serde(rename = "zh-CN")]
    Zh,
    /// English.
    #[serde(rename = "en")]
    En,
}

impl Lang {
    /// The BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }

    /// Reads a tag; anything that starts with `zh` is Chinese, `en` English.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        let tag = tag.trim().to_ascii_lowercase();
        match tag.split(['-', '_']).next() {
            Some("zh") => Some(Self::Zh),
            Some("en") => Some(Self::En),
            _ => None,
        }
    }
}

/// One text in both languages. A text given in one language only stands for both.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Text {
    /// Chinese.
    pub zh: Arc<str>,
    /// English.
    pub en: Arc<str>,
}

impl Text {
    /// Both languages.
    #[must_use]
    pub fn new(zh: &str, en: &str) -> Self {
        Self { zh: Arc::from(zh), en: Arc::from(en) }
    }

    /// A name that is the same in both languages (a site's own words).
    #[must_use]
    pub fn same(text: &str) -> Self {
        let text: Arc<str> = Arc::from(text);
        Self { zh: text.clone(), en: text }
    }

    /// The text in `lang`.
    #[must_use]
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }
}

/// An error of the system in Chinese, for the kinds that a site meets; others in the system's own words.
#[must_use]
pub fn io_zh(error: &std::io::Error) -> String {
    use std::io::ErrorKind as Kind;
    let words = match error.kind() {
        Kind::ConnectionRefused => "对端拒绝连接",
        Kind::ConnectionReset | Kind::BrokenPipe => "连接被对端重置",
        Kind::ConnectionAborted | Kind::UnexpectedEof => "连接中断",
        Kind::HostUnreachable | Kind::NetworkUnreachable => "没有网络路由",
        Kind::NetworkDown => "网络已断开",
        Kind::TimedOut => "超时",
        Kind::AddrInUse => "地址已被占用",
        Kind::AddrNotAvailable => "本机没有这个地址",
        Kind::NotFound => "找不到",
        Kind::PermissionDenied => "没有权限",
        Kind::StorageFull | Kind::QuotaExceeded => "磁盘已满",
        Kind::ReadOnlyFilesystem => "磁盘为只读",
        _ => return error.to_string(),
    };
    words.to_owned()
}
