//! The site file as a whole: everything that is neither line nor device, and the order of the checks.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::api::ApiConfig;
use crate::config::calendar::calendar;
use crate::config::condition::parts;
use crate::config::context::{Context, Names};
use crate::config::credential::Credentials;
use crate::config::device::{Devices, credentials};
use crate::config::library::Library;
use crate::config::notation::{net, split_key};
use crate::config::{Config, DeviceConfig, RuleConfig, cases, line, vision};
use crate::model::id::Id;
use crate::model::reading::PointKind;
use crate::model::text::{Lang, Text};
use crate::northbound::publish::What;
use crate::northbound::{Compress, PublishConfig, UpstreamConfig, WebhookConfig};
use crate::profile::Profile;
use crate::store::StoreConfig;
use crate::text::code;
use crate::text::diagnostic::{Diagnostic, say};
use crate::text::record::{Entry, Record, Value};
use crate::text::source::Span;
use crate::text::suggest::did_you_mean;

/// Checks the whole site and builds what can be built. The caller throws it away if there was any error.
pub(crate) fn build(
    site: &Record,
    path: &Path,
    library: &mut Library<'_>,
    secrets: &Credentials,
    cx: &mut Context<'_>,
) -> Option<Config> {
    let head = site.record("site");
    let zone = head.and_then(|h| time_zone(h, cx));
    let calendar = head.map(|h| calendar(h, cx)).unwrap_or_default();
    let api = api(site, cx);
    let (lines, mut declared) = line::build(site, cx);
    let dirs = library.dirs();
    let base = path.parent().unwrap_or(Path::new(""));
    let mut walk = Devices {
        base,
        lines: &mut declared,
        library,
        ids: HashMap::new(),
        addresses: HashMap::new(),
        done: Vec::new(),
    };
    walk.walk(site, cx);
    let (devices, ids) = (walk.done, walk.ids);
    let seen = vision::build(site, dirs, &mut declared, cx);
    let cases = cases::build(site, cx);
    let rules = rules(site, &devices, &ids, cx);
    let webhooks = site.map("webhook").iter().filter_map(|entry| webhook(entry, cx)).collect();
    let publishers = site.map("publish").iter().filter_map(|entry| publish(entry, cx)).collect();
    let upstreams = site.map("upstream").iter().filter_map(|entry| upstream(entry, cx)).collect();
    credentials(named(site).iter().map(|(name, span)| (name.as_str(), *span)), secrets, cx);
    for line in declared.values().filter(|line| line.devices == 0) {
        let message = say("no device hangs on this line", "此线路上没有设备");
        cx.report.add(Diagnostic::warning(code::IDLE, line.span, message));
    }
    later(site, cx);
    let head = head?;
    Some(Config {
        site_id: head.id("id")?.clone(),
        site_name: head.text("name")?.to_owned(),
        time_zone: zone?,
        calendar,
        lang: head.text("lang").and_then(Lang::from_tag)?,
        api: api?,
        store: store(site.record("store")),
        lines,
        devices,
        rules,
        facades: seen.facades,
        cameras: seen.cameras,
        vision: seen.vision,
        cases: cases?,
        upstreams,
        webhooks,
        publishers,
    })
}

fn time_zone(head: &Record, cx: &mut Context<'_>) -> Option<String> {
    let name = head.text("time_zone")?;
    if jiff::tz::TimeZone::get(name).is_ok() {
        return Some(name.to_owned());
    }
    let near = ["Asia/Shanghai", "Asia/Urumqi", "Asia/Hong_Kong", "Asia/Macau", "Asia/Taipei", "UTC"];
    cx.unknown(code::WORD, head.span_of("time_zone"), ("time zone", "时区"), name, near);
    None
}

fn api(site: &Record, cx: &mut Context<'_>) -> Option<ApiConfig> {
    let Some(record) = site.record("api") else { return Some(ApiConfig::default()) };
    let bind = net::bind(record.text("bind")?).ok()?;
    if !bind.ip().is_loopback() {
        cx.error(
            code::NOT_LOOPBACK,
            record.span_of("bind"),
            ("the page has no login yet and may only listen on this machine", "页面尚无登录功能，只能监听本机"),
            ("write \"127.0.0.1:8080\" and reach it through `ssh -L`", "请写 \"127.0.0.1:8080\"，并用 `ssh -L` 访问"),
        );
        return None;
    }
    Some(ApiConfig { bind })
}

fn store(record: Option<&Record>) -> StoreConfig {
    let standard = StoreConfig::default();
    let Some(record) = record else { return standard };
    StoreConfig {
        path: record.text("path").map_or(standard.path, PathBuf::from),
        size_max: record.size("max_size").unwrap_or(standard.size_max),
        commit_every: record.duration("commit_every").unwrap_or(standard.commit_every),
        commit_count: record.small("commit_count").unwrap_or(standard.commit_count),
    }
}

fn upstream(entry: &Entry, cx: &mut Context<'_>) -> Option<UpstreamConfig> {
    let http = entry.item.value.record()?.record("http")?;
    let own = |key: &str| http.text(key).map(str::to_owned);
    let url = far_end(http, cx)?;
    Some(UpstreamConfig {
        id: Id::new(&entry.key).ok()?,
        url,
        credential: own("credential"),
        ca: own("ca"),
        compress: match http.text("compress")? {
            "gzip" => Compress::Gzip,
            "none" => Compress::None,
            _ => Compress::Zstd,
        },
    })
}

fn webhook(entry: &Entry, cx: &mut Context<'_>) -> Option<WebhookConfig> {
    let record = entry.item.value.record()?;
    let url = far_end(record, cx)?;
    Some(WebhookConfig { id: Id::new(&entry.key).ok()?, url, credential: record.text("credential").map(str::to_owned) })
}

fn publish(entry: &Entry, cx: &mut Context<'_>) -> Option<PublishConfig> {
    let record = entry.item.value.record()?;
    let own = |key: &str| record.text(key).map(str::to_owned);
    let parts = net::url(record.text("url")?, &["mqtt", "mqtts"]).ok()?;
    let local = matches!(parts.host, "localhost" | "127.0.0.1" | "[::1]");
    if parts.scheme == "mqtt" && !local && record.item("credential").is_some() {
        let message = say("alarms and password would travel unencrypted", "告警和密码将以明文传输");
        let fault = Diagnostic::warning(code::URL, record.span_of("url"), message);
        cx.report.add(fault.help(say("use mqtts", "请使用 mqtts")));
    }
    Some(PublishConfig {
        id: Id::new(&entry.key).ok()?,
        url: own("url")?,
        credential: own("credential"),
        ca: own("ca"),
        client_id: own("client_id"),
        topic: own("topic")?,
        what: if record.text("what")? == "cases" { What::Cases } else { What::All },
    })
}

/// The `url` of a record, with a warning where it would travel unencrypted.
fn far_end(record: &Record, cx: &mut Context<'_>) -> Option<String> {
    let url = record.text("url")?;
    let parts = net::url(url, &["http", "https"]).ok()?;
    let local = matches!(parts.host, "localhost" | "127.0.0.1" | "[::1]");
    if parts.scheme == "http" && !local {
        let message = say("readings and token would travel unencrypted", "读数和令牌将以明文传输");
        let fault = Diagnostic::warning(code::URL, record.span_of("url"), message);
        cx.report.add(fault.help(say("use https", "请使用 https")));
    }
    Some(url.to_owned())
}

fn rules(
    site: &Record,
    devices: &[DeviceConfig],
    ids: &HashMap<String, Span>,
    cx: &mut Context<'_>,
) -> Vec<RuleConfig> {
    let by_id: HashMap<&str, &Arc<Profile>> = devices.iter().map(|d| (d.id.as_str(), &d.profile)).collect();
    let point = |name: &str| {
        let (device, point) = split_key(name)?;
        match by_id.get(device) {
            Some(profile) => profile.points.iter().find(|p| p.id.as_str() == point).map(|p| p.kind),
            // The device is there but has faults of its own: not the rule's fault.
            None => ids.contains_key(device).then_some(PointKind::Number),
        }
    };
    let near = |name: &str| -> Option<Text> {
        let known = split_key(name).and_then(|(device, point)| Some((device, point, by_id.get(device)?)));
        match known {
            Some((device, point, profile)) => {
                let all: Vec<String> = profile.points.iter().map(|p| format!("{device}.{}", p.id)).collect();
                did_you_mean(&format!("{device}.{point}"), all.iter().map(String::as_str))
            }
            None if by_id.is_empty() => None,
            None => {
                let device = name.split('.').next().unwrap_or(name);
                let near = crate::text::suggest::nearest(device, by_id.keys().copied());
                Some(near.map_or_else(
                    || say("write `device.point` with a device of this site", "请写 `设备.测点`，设备须在本站点中"),
                    |near| say(format!("did you mean the device `{near}`?"), format!("是否想写设备 `{near}`？")),
                ))
            }
        }
    };
    let names = Names { point: &point, param: &|_| false, near: &near };
    site.map("rule").iter().filter_map(|entry| rule(entry, &names, cx)).collect()
}

fn rule(entry: &Entry, names: &Names<'_>, cx: &mut Context<'_>) -> Option<RuleConfig> {
    let parts = parts(entry.item.value.record()?, names, cx)?;
    Some(RuleConfig {
        id: Id::new(&entry.key).ok()?,
        condition: parts.condition,
        on_delay: parts.on_delay,
        off_delay: parts.off_delay,
        level: parts.level,
        latched: parts.latched,
        shadow: parts.shadow,
        text: parts.text,
    })
}

/// All credentials that the site names, where it names them.
fn named(site: &Record) -> Vec<(String, Span)> {
    let mut all = Vec::new();
    let mut take = |record: &Record| {
        for key in ["credential", "ca"] {
            if let Some(item) = record.item(key)
                && let Some(name) = item.value.text()
            {
                all.push((name.to_owned(), item.span));
            }
        }
    };
    for section in ["webhook", "publish", "device", "devices_from"] {
        site.map(section).iter().filter_map(|e| e.item.value.record()).for_each(&mut take);
    }
    for (section, inner) in [("upstream", "http"), ("line", "mqtt")] {
        site.map(section).iter().filter_map(|e| e.item.value.record()?.record(inner)).for_each(&mut take);
    }
    for inner in ["push", "stream", "mqtt", "fetch"] {
        site.map("camera").iter().filter_map(|e| e.item.value.record()?.record(inner)).for_each(&mut take);
    }
    if let Some(listen) = site.record("vision").filter(|l| l.flag("tls")) {
        all.extend(["vision_cert", "vision_key"].map(|name| (name.to_owned(), listen.span_of("tls"))));
    }
    for entry in site.map("line") {
        let listen = entry.item.value.record().and_then(|r| r.record("mqtt_listen"));
        if let Some(listen) = listen.filter(|l| l.flag("tls")) {
            all.extend(["cert", "key"].map(|end| (format!("{}_{end}", entry.key), listen.span_of("tls"))));
        }
    }
    all
}

/// Sections of later versions: read, and said to do nothing yet.
fn later(site: &Record, cx: &mut Context<'_>) {
    for section in ["notify", "escalate"] {
        let Some(item) = site.item(section) else { continue };
        debug_assert!(matches!(item.value, Value::Any | Value::Map(_)));
        let message = say(
            format!("`{section}` is not active yet: nobody will be notified by it"),
            format!("`{section}` 尚未启用：不会据此通知任何人"),
        );
        let fault = Diagnostic::warning(code::NOT_ACTIVE, item.span, message);
        cx.report.add(fault.help(say("alarms stand on the page", "告警请看页面")));
    }
}
