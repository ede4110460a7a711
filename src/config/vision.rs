//! `[vision]`, `[facade.*]` and `[camera.*]` from their records. Pure but for the profile files, which [`profile`] reads.

pub mod profile;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::context::Context;
use crate::config::line::{Declared, Speaks};
use crate::config::notation::net;
use crate::config::vision::profile::VisionLibrary;
use crate::model::camera::{CAMERAS_MAX, Camera, Facade, Mount, ReferenceRow, Shield, View};
use crate::model::id::Id;
use crate::profile::vision::VisionProfile;
use crate::southbound::vision::{FetchConfig, ListenConfig, SourceConfig, StreamConfig, VisionConfig, Way};
use crate::text::code;
use crate::text::diagnostic::{Diagnostic, say};
use crate::text::record::{Entry, Item, Record};
use crate::text::source::Span;

/// Fewer reference points carry no scale.
const REFERENCES_MIN: usize = 3;

/// What came of the three sections.
pub(crate) struct Built {
    pub(crate) facades: Vec<Facade>,
    pub(crate) cameras: Vec<Camera>,
    pub(crate) vision: VisionConfig,
}

/// Builds everything about cameras; a camera with faults is left out, having been complained about.
pub(crate) fn build(
    site: &Record,
    dirs: &[PathBuf],
    lines: &mut HashMap<String, Declared>,
    cx: &mut Context<'_>,
) -> Built {
    let facades: Vec<Facade> = site.map("facade").iter().filter_map(|entry| facade(entry, cx)).collect();
    let mut built = Built { facades, cameras: Vec::new(), vision: VisionConfig::default() };
    built.vision.listen = site.record("vision").and_then(|record| {
        Some(ListenConfig {
            bind: net::bind(record.text("bind")?).ok()?,
            tls: record.flag("tls"),
            body_bytes_max: usize::try_from(record.size("max_body")?).ok()?,
        })
    });
    let mut library = VisionLibrary::new(dirs);
    let mut walk = Walk { site, lines, library: &mut library, taken: HashMap::new(), cx };
    for entry in site.map("camera") {
        if let Some((camera, source)) = walk.camera(entry) {
            built.cameras.push(camera);
            built.vision.sources.push(source);
        }
    }
    counts(site, cx);
    locked_out(site, &built.vision, lines, cx);
    built
}

/// A listener on which anybody logs in lets nobody in without a login: devices that were anonymous there so far.
fn locked_out(site: &Record, vision: &VisionConfig, lines: &HashMap<String, Declared>, cx: &mut Context<'_>) {
    let listens = |line: &str| lines.get(line).is_some_and(|l| l.speaks == Some(Speaks::Mqtt { listens: true }));
    let with_cameras: Vec<&str> = vision
        .sources
        .iter()
        .filter_map(|source| match &source.way {
            Way::Mqtt { line, .. } if listens(line) => Some(line.as_str()),
            _ => None,
        })
        .collect();
    for entry in site.map("device").iter().chain(site.map("devices_from")) {
        let Some(record) = entry.item.value.record() else { continue };
        let shares = record.id("line").is_some_and(|line| with_cameras.contains(&line.as_str()));
        if shares && record.item("credential").is_none() {
            let message = say(
                "this device cannot log in: cameras on its line do, so nobody is let in there without a login",
                "此设备将无法登录：同线路的摄像机须登录，因此不再允许匿名接入",
            );
            let fault = Diagnostic::warning(code::IDLE, entry.key_span, message);
            cx.report.add(fault.help(say("add `credential` to the device", "请为该设备添加 `credential`")));
        }
    }
}

fn counts(site: &Record, cx: &mut Context<'_>) {
    for section in ["facade", "camera"] {
        if let Some(one) = site.map(section).get(CAMERAS_MAX) {
            let message = (format!("at most {CAMERAS_MAX} of these"), format!("最多 {CAMERAS_MAX} 个"));
            cx.error(code::RANGE, one.key_span, (&message.0, &message.1), ("use a second gateway", "请另设一台网关"));
        }
    }
    let pushing = site.map("camera").iter().find_map(|e| e.item.value.record()?.item("push"));
    match (site.item("vision"), pushing) {
        (None, Some(push)) => cx.error(
            code::MISSING,
            push.span,
            ("this camera posts its events, but nobody listens", "此摄像机推送事件，但没有监听"),
            ("add `[vision]` with `bind = \"10.0.9.1:8090\"`", "请添加 `[vision]`，写明 `bind = \"10.0.9.1:8090\"`"),
        ),
        (Some(vision), None) => {
            let message = say("no camera posts its events here", "没有摄像机向此监听推送事件");
            cx.report.add(Diagnostic::warning(code::IDLE, vision.span, message));
        }
        _ => {}
    }
}

fn facade(entry: &Entry, cx: &mut Context<'_>) -> Option<Facade> {
    let record = entry.item.value.record().filter(|r| !r.faulty)?;
    let storeys: u16 = record.small("storeys")?;
    let floor_base_m: Vec<f64> = numbers(record.list("floor_base_m"));
    let rises = floor_base_m.windows(2).all(|pair| pair[0] < pair[1]);
    if !floor_base_m.is_empty() && (floor_base_m.len() != usize::from(storeys) || !rises) {
        let message = (
            format!("`floor_base_m` must rise and have one height for each of {storeys} storeys"),
            format!("`floor_base_m` 须逐层递增，且与层数 {storeys} 一致"),
        );
        let help = ("floor 1 first, metres above the ground", "从 1 层起，填距地高度（米）");
        cx.error(code::CAMERA, record.span_of("floor_base_m"), (&message.0, &message.1), help);
        return None;
    }
    Some(Facade {
        id: Id::new(&entry.key).ok()?,
        name: record.text("name")?.to_owned(),
        storeys,
        storey_m: record.number("storey_m")?,
        width_m: record.number("width_m"),
        floor_base_m,
    })
}

fn numbers(list: &[Item]) -> Vec<f64> {
    list.iter().filter_map(|item| item.value.number()).collect()
}

struct Walk<'a, 'c, 't> {
    site: &'a Record,
    lines: &'a mut HashMap<String, Declared>,
    library: &'a mut VisionLibrary<'a>,
    /// Topics and streams that belong to a camera, and where it says so.
    taken: HashMap<(String, String), Span>,
    cx: &'c mut Context<'t>,
}

impl Walk<'_, '_, '_> {
    /// One camera, and the way of its events.
    fn camera(&mut self, entry: &Entry) -> Option<(Camera, SourceConfig)> {
        let record = entry.item.value.record()?;
        let profile = record.text("profile").and_then(|id| self.library.get(id, record.span_of("profile"), self.cx));
        let exists = self.facade_exists(record);
        let view = self.view(record);
        let shields = self.shields(record);
        let way = self.way(record, profile.as_deref());
        self.told_apart(record, profile.as_deref(), way.as_ref());
        let fetch = record.record("fetch").and_then(|fetch| self.fetch(fetch));
        if record.faulty || !exists || (record.item("fetch").is_some() && fetch.is_none()) {
            return None;
        }
        let id = Id::new(&entry.key).ok()?;
        let view = view?;
        let silent_after = record.duration("silent_after");
        let source = SourceConfig {
            camera: Arc::from(id.as_str()),
            profile: profile?,
            frame: view.frame,
            way: way?,
            fetch,
            silent_after,
        };
        let own = |key: &str| record.text(key).map(str::to_owned);
        let camera = Camera {
            id,
            name: own("name")?,
            at: own("at")?,
            serial: own("serial").unwrap_or_default(),
            facade: record.id("facade").cloned(),
            view,
            shields: shields?,
        };
        Some((camera, source))
    }

    /// Whether the camera's facade exists, if it names one.
    fn facade_exists(&mut self, record: &Record) -> bool {
        let Some(id) = record.id("facade") else { return true };
        let there = self.site.map("facade").iter().map(|e| e.key.as_str());
        let exists = there.clone().any(|known| known == id.as_str());
        if !exists && !self.cx.heads_broken {
            self.cx.unknown(code::CAMERA, record.span_of("facade"), ("facade", "立面"), id.as_str(), there);
        }
        exists
    }

    fn view(&mut self, record: &Record) -> Option<View> {
        let frame = match (record.small("width"), record.small("height")) {
            (Some(width), Some(height)) => Some((width, height)),
            (None, None) => None,
            _ => {
                let help = ("write both, in pixels", "请同时填写，单位像素");
                self.fault(
                    record.span,
                    ("`width` and `height` belong together", "`width` 与 `height` 须同时给出"),
                    help,
                );
                return None;
            }
        };
        let rows = record.list("reference_rows");
        let reference_rows: Vec<ReferenceRow> = rows.iter().filter_map(|i| reference(i.value.record()?)).collect();
        let span = record.span_of("reference_rows");
        if record.item("reference_rows").is_some() && rows.len() < REFERENCES_MIN {
            let help = ("give the rows of at least three floors", "请至少给出三层的位置");
            self.fault(span, ("fewer than 3 reference points carry no scale", "参考点少于 3 个，无法标定"), help);
            return None;
        }
        if !rows.is_empty() && (frame.is_none() || record.item("facade").is_none()) {
            let help = ("add `facade`, `width` and `height`", "请补充 `facade`、`width` 与 `height`");
            let message = ("reference points need the facade and the size of the picture", "参考点需要立面与画面尺寸");
            self.fault(span, message, help);
            return None;
        }
        Some(View {
            fps: record.number("fps"),
            frame,
            mount: record
                .record("mount")
                .and_then(|m| Some(Mount { height_m: m.number("height_m")?, distance_m: m.number("distance_m")? })),
            reference_rows,
            reference_error_m: record.number("reference_error_m")?,
            k1: record.number("k1"),
            focal_px: record.number("focal_px"),
            full: record.flag("full"),
        })
    }

    fn shields(&mut self, record: &Record) -> Option<Vec<Shield>> {
        let mut shields = Vec::new();
        for shield in record.list("shield").iter().filter_map(|i| i.value.record()) {
            let corners = shield.list("polygon");
            let place = |item: &Item| match &item.value {
                crate::text::record::Value::List(pair) => match numbers(pair).as_slice() {
                    [x, y] => Some((*x, *y)),
                    _ => None,
                },
                _ => None,
            };
            let polygon: Vec<(f64, f64)> = corners.iter().filter_map(place).collect();
            if polygon.len() < 3 || polygon.len() != corners.len() {
                let help = ("write `[[0, 0], [300, 0], [0, 400]]`", "请写 `[[0, 0], [300, 0], [0, 400]]`");
                let message = ("a shield zone has at least three corners `[x, y]`", "屏蔽区至少三个顶点 `[x, y]`");
                self.fault(shield.span_of("polygon"), message, help);
                return None;
            }
            shields.push(Shield { name: shield.text("name")?.to_owned(), polygon });
        }
        Some(shields)
    }

    fn way(&mut self, record: &Record, profile: Option<&VisionProfile>) -> Option<Way> {
        let own = |record: &Record, key: &str| record.text(key).map(str::to_owned);
        if let Some(push) = record.record("push") {
            return Some(Way::Push { credential: own(push, "credential")? });
        }
        if let Some(stream) = record.record("stream") {
            self.in_the_clear(stream);
            let path = net::url(stream.text("url")?, &["http", "https"]).ok()?.path;
            if profile.is_some_and(|p| p.stream.is_none()) && matches!(path, "" | "/") {
                let message = ("this vision profile knows no event stream", "此视觉模板没有事件流");
                let help =
                    ("let the camera post (`push`), or add the path to the url", "请改用 `push`，或在网址中写明路径");
                self.fault(stream.span, message, help);
                return None;
            }
            return Some(Way::Stream(StreamConfig {
                url: own(stream, "url")?,
                credential: own(stream, "credential"),
                ca: own(stream, "ca"),
                silence: stream.duration("silence")?,
            }));
        }
        let mqtt = record.record("mqtt")?;
        let line = mqtt.id("line")?;
        let span = mqtt.span_of("line");
        match self.lines.get_mut(line.as_str()) {
            Some(known) => {
                known.devices += 1;
                let credential = own(mqtt, "credential");
                let (message, help) = match (known.speaks, &credential) {
                    (Some(Speaks::Rtu | Speaks::Tcp), _) => (
                        ("this line does not speak MQTT", "此线路不是 MQTT"),
                        ("name an `mqtt` or `mqtt_listen` line", "请选用 `mqtt` 或 `mqtt_listen` 线路"),
                    ),
                    (Some(Speaks::Mqtt { listens: true }), None) => (
                        ("a camera that publishes to gatehouse itself logs in", "直接发布到本机的摄像机须登录"),
                        ("add `credential` with its `user:password`", "请添加 `credential`，内容为 `用户名:密码`"),
                    ),
                    (Some(Speaks::Mqtt { listens: false }), Some(_)) => {
                        let message = say(
                            "the line's own credential is used at a broker; this one has no effect",
                            "连接服务器使用线路的凭据；此处的凭据无效",
                        );
                        self.cx.report.add(Diagnostic::warning(code::IDLE, mqtt.span_of("credential"), message));
                        return Some(Way::Mqtt {
                            line: line.as_str().to_owned(),
                            topic: own(mqtt, "topic")?,
                            credential,
                        });
                    }
                    _ => {
                        return Some(Way::Mqtt {
                            line: line.as_str().to_owned(),
                            topic: own(mqtt, "topic")?,
                            credential,
                        });
                    }
                };
                self.fault(span, message, help);
                None
            }
            None if self.cx.heads_broken => None,
            None => {
                let there: Vec<&str> = self.lines.keys().map(String::as_str).collect();
                self.cx.unknown(code::UNKNOWN_LINE, span, ("line", "线路"), line.as_str(), there);
                None
            }
        }
    }

    /// Events say nothing of which camera they are from: what two read or publish on would be both of theirs, or the wrong
    /// one's. A camera that posts is known by the path, so one credential may serve many.
    fn told_apart(&mut self, record: &Record, profile: Option<&VisionProfile>, way: Option<&Way>) {
        let (key, span, message, help) = match way {
            Some(Way::Mqtt { line, topic, .. }) => (
                (line.clone(), topic.clone()),
                record.record("mqtt").map_or(record.span, |mqtt| mqtt.span_of("topic")),
                say(
                    format!("another camera publishes on `{topic}` of this line: nothing tells their events apart"),
                    format!("此线路上另一台摄像机也使用主题 `{topic}`，无法区分事件来自哪一台"),
                ),
                say(
                    "set a topic of its own in the camera, or let it post (`push`), where the path names it",
                    "请在摄像机中设置各自的主题，或改用推送（`push`），由路径区分",
                ),
            ),
            Some(Way::Stream(stream)) => (
                (stream.url.clone(), profile.map(|p| p.id.clone()).unwrap_or_default()),
                record.record("stream").map_or(record.span, |stream| stream.span_of("url")),
                say(
                    "another camera reads this very stream: every event would be counted for both",
                    "另一台摄像机读取同一事件流，每个事件都会重复计入两台",
                ),
                say(
                    "name each camera's own address; of a recorder, the stream of one channel, or let the cameras post (`push`)",
                    "请填写各摄像机自己的地址；录像机请填写单个通道的事件流，或让摄像机推送（`push`）",
                ),
            ),
            Some(Way::Push { .. }) | None => return,
        };
        if let Some(first) = self.taken.get(&key) {
            let fault = Diagnostic::error(code::SAME_ADDRESS, span, message).help(help);
            self.cx.report.add(fault.also(*first, say("the first one", "第一处")));
        } else {
            self.taken.insert(key, span);
        }
    }

    fn fetch(&mut self, fetch: &Record) -> Option<FetchConfig> {
        self.in_the_clear(fetch);
        let hosts = fetch.item("url").into_iter().chain(fetch.list("also"));
        for host in hosts {
            let url = host.value.text()?;
            if !matches!(net::url(url, &["http", "https"]).ok()?.path, "" | "/") {
                let help = ("write scheme, host and port only", "只写协议、主机与端口");
                self.fault(host.span, ("a path has no use here", "此处不需要路径"), help);
                return None;
            }
        }
        Some(FetchConfig {
            url: fetch.text("url")?.to_owned(),
            also: fetch.list("also").iter().filter_map(|i| i.value.text().map(str::to_owned)).collect(),
            credential: fetch.text("credential").map(str::to_owned),
            ca: fetch.text("ca").map(str::to_owned),
        })
    }

    /// Host names are looked up; one who answers for the name server gets the requests. Addresses are better.
    fn in_the_clear(&mut self, record: &Record) {
        let Some(url) = record.text("url").and_then(|url| net::url(url, &["http", "https"]).ok()) else { return };
        let address = url.host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
        if url.scheme == "http" && !address {
            let message = say(
                "a camera named over plain http: whoever answers for that name gets the requests",
                "以主机名访问且未加密：冒充该域名者将收到请求",
            );
            let fault = Diagnostic::warning(code::URL, record.span_of("url"), message);
            self.cx.report.add(
                fault.help(say("write its address, or use https with `ca`", "请写 IP 地址，或使用 https 与 `ca`")),
            );
        }
    }

    fn fault(&mut self, span: Span, message: (&str, &str), help: (&str, &str)) {
        self.cx.error(code::CAMERA, span, message, help);
    }
}

fn reference(record: &Record) -> Option<ReferenceRow> {
    Some(ReferenceRow {
        row: record.number("row")?,
        col: record.number("col"),
        floor: record.number("floor"),
        height_m: record.number("height_m")?,
        facade_x_m: record.number("facade_x_m"),
    })
}
