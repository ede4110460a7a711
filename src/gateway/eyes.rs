//! Watches whether the cameras are still there: one alarm for each that is silent, ended when it is heard again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::model::alarm::{AlarmText, Level};
use crate::model::desk::{DeskCommand, Report};
use crate::model::intake::{CAMERA_KEY_PREFIX, CameraFigures, Presence};
use crate::model::text::Text;
use crate::southbound::vision::outlet::Outlet;
use crate::supervise::{Policy, Stage};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The watch, ready to run.
#[derive(Debug, Clone)]
pub(super) struct Eyes {
    /// Name and place by camera id.
    cameras: BTreeMap<Arc<str>, (String, String)>,
    /// Alarms on the list of cameras that are not configured any more.
    orphans: Vec<Arc<str>>,
}

impl Eyes {
    /// `standing` are the keys of alarms on the list.
    pub(super) fn prepare(config: &Config, standing: impl Iterator<Item = Arc<str>>) -> Self {
        let cameras: BTreeMap<Arc<str>, _> =
            config.cameras.iter().map(|c| (Arc::from(c.id.as_str()), (c.name.clone(), c.at.clone()))).collect();
        let gone = |key: &Arc<str>| key.strip_prefix(CAMERA_KEY_PREFIX).is_some_and(|id| !cameras.contains_key(id));
        let orphans = standing.filter(gone).collect();
        Self { cameras, orphans }
    }

    /// Spawns it. Built anew after a panic it tells everything again, which is harmless.
    pub(super) fn spawn(self, stage: &mut Stage, outlet: Option<Arc<Outlet>>, desk: mpsc::Sender<DeskCommand>) {
        if self.cameras.is_empty() && self.orphans.is_empty() {
            return;
        }
        let token = stage.token();
        stage.spawn("camera watch", Policy::Restart, move || {
            let (eyes, outlet, desk, token) = (self.clone(), outlet.clone(), desk.clone(), token.clone());
            async move {
                eyes.watch(outlet, desk, token).await;
                Ok(())
            }
        });
    }

    async fn watch(self, outlet: Option<Arc<Outlet>>, desk: mpsc::Sender<DeskCommand>, stop: CancellationToken) {
        let mut told: BTreeMap<Arc<str>, bool> = BTreeMap::new();
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
            for CameraFigures { camera, presence, .. } in outlet.iter().flat_map(|outlet| outlet.figures()) {
                let trouble = match presence {
                    // Nothing is known yet: an alarm from before the start stands.
                    Presence::Unknown => continue,
                    Presence::Heard => None,
                    Presence::Silent(why) => Some(why),
                };
                if told.insert(Arc::clone(&camera), trouble.is_some()) == Some(trouble.is_some()) {
                    continue;
                }
                let report = self.report(&camera, trouble);
                if desk.send(DeskCommand::Report(Box::new(report))).await.is_err() {
                    return;
                }
            }
        }
    }

    fn report(&self, camera: &str, trouble: Option<Text>) -> Report {
        let (name, at) = self.cameras.get(camera).cloned().unwrap_or_default();
        let holds = trouble.is_some();
        let why = trouble.unwrap_or_default();
        Report {
            key: format!("{CAMERA_KEY_PREFIX}{camera}").into(),
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
