//! Watches whether the cameras are still there: one alarm for each that is silent, one for those that fell silent together
//! ([`outage`](crate::southbound::vision::outage) has the rule), ended when they are heard again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::model::alarm::{AlarmText, Level};
use crate::model::desk::{DeskCommand, Report};
use crate::model::intake::{CAMERA_KEY_PREFIX, CameraFigures};
use crate::model::text::Text;
use crate::southbound::vision::SourceConfig;
use crate::southbound::vision::outage::{Told, Watch};
use crate::southbound::vision::outlet::Outlet;
use crate::supervise::{Policy, Stage};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// So many names fit a title; all are in the alarm's facts and on the page of cameras.
const NAMES_MAX: usize = 6;

/// The watch, ready to run.
#[derive(Debug, Clone)]
pub(super) struct Eyes {
    /// Name and place by camera id.
    cameras: BTreeMap<Arc<str>, (String, String)>,
    sources: Vec<SourceConfig>,
    /// Alarms on the list at the start.
    standing: BTreeSet<Arc<str>>,
    /// Alarms on the list of cameras that are not configured any more.
    orphans: Vec<Arc<str>>,
}

impl Eyes {
    /// `standing` are the keys of alarms on the list.
    pub(super) fn prepare(config: &Config, standing: impl Iterator<Item = Arc<str>>) -> Self {
        let cameras: BTreeMap<Arc<str>, _> =
            config.cameras.iter().map(|c| (Arc::from(c.id.as_str()), (c.name.clone(), c.at.clone()))).collect();
        let sources = config.vision.sources.clone();
        let standing: BTreeSet<_> = standing.filter(|key| key.starts_with(CAMERA_KEY_PREFIX)).collect();
        let groups: BTreeSet<_> = Watch::new(&sources, |_| false).groups().cloned().collect();
        let gone = |key: &&Arc<str>| {
            let id = key.strip_prefix(CAMERA_KEY_PREFIX);
            id.is_some_and(|id| !cameras.contains_key(id) && !groups.contains(id))
        };
        let orphans = standing.iter().filter(gone).cloned().collect();
        Self { cameras, sources, standing, orphans }
    }

    /// Spawns it. Built anew after a panic it tells everything again, which is harmless.
    pub(super) fn spawn(self, stage: &mut Stage, outlet: Option<Arc<Outlet>>, desk: mpsc::Sender<DeskCommand>) {
        if self.cameras.is_empty() && self.orphans.is_empty() {
            return;
        }
        let token = stage.token();
        let mut anew = false;
        stage.spawn("camera watch", Policy::Restart, move || {
            let (eyes, outlet, desk, token) = (self.clone(), outlet.clone(), desk.clone(), token.clone());
            // What the one before has told is not known any more: it may all stand.
            let watch = Watch::new(&self.sources, |group| anew || self.standing.contains(&*key(group)));
            anew = true;
            async move {
                eyes.watch(watch, outlet, desk, token).await;
                Ok(())
            }
        });
    }

    async fn watch(
        self,
        mut watch: Watch,
        outlet: Option<Arc<Outlet>>,
        desk: mpsc::Sender<DeskCommand>,
        stop: CancellationToken,
    ) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        for key in &self.orphans {
            let report = Report { key: Arc::clone(key), ..self.report("", None) };
            if desk.send(DeskCommand::Report(Box::new(report))).await.is_err() {
                return;
            }
        }
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            let Some(outlet) = &outlet else { continue };
            let seen = outlet.figures().into_iter().map(|CameraFigures { camera, presence, .. }| (camera, presence));
            for report in watch.look(seen, outlet.now()).iter().flat_map(|told| self.reports(told)) {
                if desk.send(DeskCommand::Report(Box::new(report))).await.is_err() {
                    return;
                }
            }
        }
    }

    /// What the alarm desk is told. An alarm that has grown ends first, so that it rings with its new text.
    fn reports(&self, told: &Told) -> Vec<Report> {
        match told {
            Told::Alone(camera, trouble) => vec![self.report(camera, trouble.clone())],
            Told::Over(group) => vec![Report { key: key(group), ..self.report("", None) }],
            Told::Together { group, silent, of, why, again } => {
                let names = silent.iter().map(|id| self.cameras.get(id).map_or(&**id, |(name, _)| name));
                let names: Vec<&str> = names.collect();
                let places: BTreeSet<&str> =
                    silent.iter().filter_map(|id| Some(self.cameras.get(id)?.1.as_str())).collect();
                let raised = Report {
                    key: key(group),
                    text: text_together((&names, *of), group, why),
                    name: shared(group),
                    at: places.first().filter(|_| places.len() == 1).map(|at| (*at).to_owned()).unwrap_or_default(),
                    what: names.join(", "),
                    ..self.report("", Some(why.clone()))
                };
                let before = Report { holds: false, ..raised.clone() };
                again.then_some(before).into_iter().chain([raised]).collect()
            }
        }
    }

    fn report(&self, camera: &str, trouble: Option<Text>) -> Report {
        let (name, at) = self.cameras.get(camera).cloned().unwrap_or_default();
        let holds = trouble.is_some();
        let why = trouble.unwrap_or_default();
        Report {
            key: key(camera),
            text: text(&name, &why),
            name,
            at,
            // Something may fall, or burn, and nobody sees it.
            level: Level::Major,
            what: String::new(),
            holds,
            answered: None,
        }
    }
}

/// Key of the alarm of a camera or of a group.
fn key(of: &str) -> Arc<str> {
    format!("{CAMERA_KEY_PREFIX}{of}").into()
}

/// Cameras that are silent together, by name, of so many.
fn text_together((names, of): (&[&str], usize), group: &str, why: &Text) -> AlarmText {
    let (n, shown) = (names.len(), names.get(..NAMES_MAX).unwrap_or(names));
    let more = n - shown.len();
    let (more_zh, more_en) =
        if more > 0 { (" 等".to_owned(), format!(" and {more} more")) } else { (String::new(), String::new()) };
    let (zh, en) = way(group);
    AlarmText {
        title: Text::new(
            &format!("{zh}的 {of} 台摄像机中有 {n} 台没有消息：{}{more_zh}", shown.join("、")),
            &format!("{n} of {of} cameras {en} silent: {}{more_en}", shown.join(", ")),
        ),
        cause: Text::new(
            &format!("同时失联，多半是共同的原因：交换机、供电或消息服务器（{}）", why.zh),
            &format!(
                "Lost at the same time, so most likely by one cause: a switch, a power supply, a broker ({})",
                why.en
            ),
        ),
        harm: Text::new(
            "它们看到的事件都收不到，高空抛物等无法告警",
            "What they see does not arrive: no alarm of falling objects from them",
        ),
        action: vec![
            Text::new(
                "先查它们共用的交换机、供电和消息服务器",
                "Look first at what they share: switch, power supply, broker",
            ),
            Text::new(
                "在“案件 → 摄像机”页看是哪几台、最近一次联系",
                "See which they are, and when each was last heard, under Cases → Cameras",
            ),
        ],
    }
}

/// What the cameras of a group share, as its name: a line, a network, the listener.
fn shared(group: &str) -> String {
    match group.split_once('.') {
        Some(("network", network)) => network.replace('_', "."),
        Some((_, name)) => name.to_owned(),
        None => group.to_owned(),
    }
}

/// The same in words.
fn way(group: &str) -> (String, String) {
    let name = shared(group);
    match group.split_once('.') {
        Some(("line", _)) => (format!("线路 {name} "), format!("on line {name}")),
        Some(("network", _)) => (format!("网段 {name} "), format!("in network {name}")),
        _ => ("推送接入".to_owned(), "that post here".to_owned()),
    }
}

fn text(name: &str, why: &Text) -> AlarmText {
    AlarmText {
        title: Text::new(
            &format!("摄像机 {name} 没有消息：{}", why.zh),
            &format!("Camera {name} is silent: {}", why.en),
        ),
        cause: Text::new(
            "摄像机掉电、网线或交换机故障、密码改动，或推送地址被改",
            "No power, cable or switch, a changed password, or a changed push address",
        ),
        harm: Text::new(
            "它看到的事件收不到，高空抛物等无法告警",
            "What it sees does not arrive: no alarm of falling objects from it",
        ),
        action: vec![
            Text::new("查看摄像机与交换机的电源和指示灯", "Look at power and lights of camera and switch"),
            Text::new(
                "在“案件 → 摄像机”页看最近一次联系和拒收原因",
                "See last contact and refusals under Cases → Cameras",
            ),
            Text::new(
                "登录摄像机核对推送地址、用户名和密码",
                "Compare push address, user and password in the camera's settings",
            ),
        ],
    }
}
