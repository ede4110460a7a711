//! A reader of `/api/v1/events`: collects the alarm changes that the gateway has promised to keep.

use std::sync::{Arc, Mutex};

use serde_json::Value as Json;
use tokio::task::JoinSet;

use crate::rig::Gateway;

/// One alarm change as it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    /// Position in the journal; `None` while it is not on disk.
    pub(crate) seq: Option<u64>,
    pub(crate) durable: bool,
    pub(crate) change: String,
    pub(crate) key: String,
    /// Id of the alarm.
    pub(crate) id: String,
}

/// What came so far; the reader ends with this value or with the gateway.
#[derive(Debug)]
pub(crate) struct Stream {
    seen: Arc<Mutex<Vec<Change>>>,
    _reader: JoinSet<()>,
}

impl Stream {
    /// Opens the stream; with `after`, from that position of the journal.
    pub(crate) async fn open(gateway: &Gateway, after: Option<u64>) -> Self {
        let query = after.map_or_else(String::new, |n| format!("?after={n}"));
        let url = format!("{}/api/v1/events{query}", gateway.page);
        let mut reply = gateway.http.get(url).send().await.unwrap();
        assert_eq!(reply.status().as_u16(), 200);
        let seen: Arc<Mutex<Vec<Change>>> = Arc::default();
        let (into, mut reader) = (Arc::clone(&seen), JoinSet::new());
        reader.spawn(async move {
            let mut text = Vec::new();
            while let Ok(Some(chunk)) = reply.chunk().await {
                text.extend_from_slice(&chunk);
                while let Some(end) = text.windows(2).position(|w| w == b"\n\n") {
                    let event: Vec<u8> = text.drain(..end + 2).collect();
                    into.lock().unwrap().extend(change(&String::from_utf8_lossy(&event)));
                }
            }
        });
        Self { seen, _reader: reader }
    }

    pub(crate) fn seen(&self) -> Vec<Change> {
        self.seen.lock().unwrap().clone()
    }

    /// Those that are on disk, as the gateway says.
    pub(crate) fn durable(&self) -> Vec<Change> {
        self.seen().into_iter().filter(|c| c.durable && c.seq.is_some()).collect()
    }
}

fn change(event: &str) -> Option<Change> {
    let field = |name: &str| event.lines().find_map(|l| l.strip_prefix(name)).map(str::trim);
    if field("event:")? != "alarm" {
        return None;
    }
    let data: Json = serde_json::from_str(field("data:")?).ok()?;
    let text = |v: &Json| v.as_str().unwrap_or_default().to_owned();
    Some(Change {
        seq: field("id:").and_then(|n| n.parse().ok()),
        durable: data["durable"] == true,
        change: text(&data["change"]),
        key: text(&data["alarm"]["key"]),
        id: text(&data["alarm"]["id"]),
    })
}
