//! Random work against a plain vector: append, flush, alarm, confirm, reopen, lost WAL.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Action {
    Append(Vec<(u32, i16)>),
    Flush,
    Alarm(u32),
    Confirm(u8),
    Reopen,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => proptest::collection::vec((0u32..20, any::<i16>()), 1..40).prop_map(Action::Append),
        2 => Just(Action::Flush),
        2 => (0u32..5).prop_map(Action::Alarm),
        1 => any::<u8>().prop_map(Action::Confirm),
        1 => Just(Action::Reopen),
    ]
}

#[derive(Debug, Default)]
struct Model {
    waiting: Vec<(u32, f64)>,
    stored: Vec<(u32, f64)>,
    alarms: u64,
    cursor: u64,
}

impl Model {
    /// A commit stores what waits, grouped by point.
    fn commit(&mut self) {
        self.waiting.sort_by_key(|(p, _)| *p);
        self.stored.append(&mut self.waiting);
    }
}

async fn play(actions: Vec<Action>) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = start(dir.path());
    let mut model = Model::default();
    for action in actions {
        match action {
            Action::Append(values) => {
                let values: Vec<(u32, f64)> = values.into_iter().map(|(p, v)| (p, f64::from(v) / 10.0)).collect();
                store.handle.append(values.iter().map(|(p, v)| reading(*p, 1_000, *v)).collect(), vec![]).await;
                model.waiting.extend(values);
            }
            Action::Flush => {
                store.handle.flush().await.unwrap();
                model.commit();
            }
            Action::Alarm(n) => {
                let event = alarm_event(n, AlarmChange::Raised, AlarmState::Unacknowledged);
                model.alarms += 1;
                assert_eq!(store.handle.alarm(event).await.unwrap(), model.alarms);
            }
            Action::Confirm(part) => {
                let seq = model.stored.len() as u64 * u64::from(part) / 255;
                let cursor = Cursor { epoch: store.reader.epoch(Stream::Telemetry), seq };
                store.handle.confirm("cloud", Stream::Telemetry, cursor).await.unwrap();
                model.cursor = model.cursor.max(seq);
            }
            Action::Reopen => {
                store.handle.close().await;
                model.commit();
                store = start(dir.path());
                assert!(store.opened.clean_shutdown);
            }
        }
        let found: Vec<(String, Value)> = all(&store).into_iter().map(|(_, k, v)| (k, v)).collect();
        let names = keys(20);
        let expected: Vec<(String, Value)> =
            model.stored.iter().map(|(p, v)| (names[*p as usize].to_string(), Value::Number(*v))).collect();
        assert_eq!(found, expected);
        assert_eq!(store.reader.heads().alarm, model.alarms);
        let cursor = store.reader.cursor("cloud", Stream::Telemetry).map_or(0, |c| c.seq);
        assert_eq!(cursor, model.cursor);
    }
    store.handle.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_store_behaves_like_a_vector(actions in proptest::collection::vec(action(), 1..25)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(actions));
    }
}
