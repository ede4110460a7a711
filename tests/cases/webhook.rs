//! The webhook against a far end that fails first: every change of an alarm arrives, in order, as a CloudEvent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::clock::SystemClock;
use gatehouse::model::id::Id;
use gatehouse::model::journal::{Cursor, Epoch, Gap, Stream};
use gatehouse::model::stored::{Heads, JournalRow, ReadError, StoreError, TelemetryBatch};
use gatehouse::model::time::BootMs;
use gatehouse::northbound::{Identity, Outbox, SenderParts, UpstreamState, Webhook, WebhookConfig, webhook_status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const EPOCH: Epoch = Epoch(7);

/// A journal in memory.
#[derive(Debug)]
struct Journal {
    rows: Mutex<Vec<JournalRow>>,
    cursor: Mutex<Option<Cursor>>,
    heads: watch::Sender<Heads>,
}

impl Journal {
    fn add(&self, key: &str) {
        let mut rows = self.rows.lock().unwrap();
        let seq = rows.len() as u64 + 1;
        let body = format!(r#"{{"change":"raised","alarm":{{"key":"{key}"}}}}"#);
        rows.push(JournalRow { stream: Stream::Alarm, epoch: EPOCH, seq, boot: 1, at: BootMs(1), wall_ms: 1, body });
        self.heads.send_replace(Heads { alarm: seq, ..Heads::default() });
    }
}

impl Outbox for Journal {
    fn epochs(&self, _: Stream) -> Result<Vec<Epoch>, ReadError> {
        Ok(vec![EPOCH])
    }
    fn cursor(&self, upstream: &str, _: Stream) -> Result<Option<Cursor>, ReadError> {
        assert_eq!(upstream, "webhook.duty");
        Ok(*self.cursor.lock().unwrap())
    }
    fn telemetry_after(&self, _: Epoch, _: u64) -> Result<Option<TelemetryBatch>, ReadError> {
        Ok(None)
    }
    fn journal_after(&self, _: Stream, _: Epoch, seq: u64, limit: usize) -> Result<Vec<JournalRow>, ReadError> {
        Ok(self.rows.lock().unwrap().iter().filter(|r| r.seq > seq).take(limit).cloned().collect())
    }
    fn gaps(&self, _: Stream, _: Epoch, _: u64) -> Result<Vec<Gap>, ReadError> {
        Ok(Vec::new())
    }
    fn confirm(&self, _: &str, _: Stream, cursor: Cursor) -> Result<(), StoreError> {
        *self.cursor.lock().unwrap() = Some(cursor);
        Ok(())
    }
    fn dead_letter(&self, _: &str, gap: &Gap, _: &str) -> Result<(), StoreError> {
        panic!("{gap:?} given up");
    }
    fn watch(&self) -> watch::Receiver<Heads> {
        self.heads.subscribe()
    }
}

/// Reads one request and answers it; head and body.
async fn request(server: &TcpListener, status: &str) -> String {
    let (mut socket, _) = server.accept().await.unwrap();
    let mut text = Vec::new();
    loop {
        assert!(socket.read_buf(&mut text).await.unwrap() > 0, "cut off");
        let whole = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = whole.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        if body.len() >= length {
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            socket.write_all(answer.as_bytes()).await.unwrap();
            return whole;
        }
    }
}

#[tokio::test]
async fn every_alarm_arrives_in_order_though_the_far_end_fails_first() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let journal = Arc::new(Journal {
        rows: Mutex::default(),
        cursor: Mutex::default(),
        heads: watch::Sender::new(Heads::default()),
    });
    journal.add("old.alarm");
    let config = WebhookConfig {
        id: Id::new("duty").unwrap(),
        url: format!("http://{}/hook?room=1", server.local_addr().unwrap()),
        credential: None,
    };
    let identity = Identity { gateway_id: "g".into(), site_id: "s".into() };
    let stop = CancellationToken::new();
    let outbox: Arc<dyn Outbox> = journal.clone();
    let figures = webhook_status(&config, outbox.watch());
    let parts =
        SenderParts { identity, outbox, clock: Arc::new(SystemClock), status: figures.clone(), stop: stop.clone() };
    let webhook = Webhook::new(&config, Some("token"), parts).unwrap();
    #[allow(clippy::disallowed_methods)] // a test's own task; it ends with `stop`
    let task = tokio::spawn(webhook.run());
    let begun = async {
        while journal.cursor.lock().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), begun).await.expect("it begins at the end of the journal");
    assert_eq!(figures.read().url, format!("http://{}/…", server.local_addr().unwrap()), "the rest may be a secret");
    for key in ["case.1", "case.2"] {
        journal.add(key);
    }
    let mut heard = Vec::new();
    for status in ["503 Busy", "500 Oops", "200 OK", "204 No Content"] {
        let asked = tokio::time::timeout(Duration::from_secs(20), request(&server, status)).await.expect(status);
        assert!(asked.starts_with("POST /hook?room=1 HTTP/1.1"), "{asked}");
        assert!(asked.contains("authorization: Bearer token") && asked.contains("application/cloudevents+json"));
        let body: serde_json::Value = serde_json::from_str(asked.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!((&body["specversion"], &body["type"]), (&"1.0".into(), &"gatehouse.alarm.raised".into()));
        heard.push(body["data"]["alarm"]["key"].as_str().unwrap().to_owned());
        let code = status.split(' ').next().unwrap();
        let told = async {
            loop {
                let report = figures.read();
                let why = report.last_error.clone().unwrap_or_default();
                let failed = report.state == UpstreamState::Waiting && why.zh.contains(code) && why.en.contains(code);
                let taken = report.state == UpstreamState::Up && report.last_success_at.is_some();
                if if code.starts_with('2') { taken } else { failed } {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let told = tokio::time::timeout(Duration::from_secs(10), told).await;
        assert!(told.is_ok(), "{status}: {:?}", figures.read());
    }
    assert_eq!(heard, ["case.1", "case.1", "case.1", "case.2"]);
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), task).await.unwrap().unwrap();
    assert_eq!(journal.cursor.lock().unwrap().map(|c| c.seq), Some(3));
}
