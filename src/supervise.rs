//! Tasks with a name: spawning, restart policy, staged shutdown, and the pulses that feed the watchdog.
//!
//! The only place that calls `tokio::spawn`. A panic ends one task, not the process: it is caught by the join handle,
//! logged, and the task is built anew after a pause that doubles up to [`RESTART_PAUSE_MAX`], or, for the parts without
//! which nothing is safe (pipeline, store), the whole gateway stops in order so that the service manager starts it anew.
//!
//! Knows nothing of what the tasks do.

pub mod watchdog;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// First pause before a failed task is built anew.
pub const RESTART_PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest pause; a dark box must keep trying, so there is no giving up.
pub const RESTART_PAUSE_MAX: Duration = Duration::from_mins(1);
/// A task that ran this long counts as healthy: the next failure starts again at the first pause.
const HEALTHY_AFTER: Duration = Duration::from_mins(2);

/// What the end of a task before shutdown means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Build it anew after a pause.
    Restart,
    /// Stop the whole gateway in order; the service manager starts it anew.
    Fatal,
}

/// How a task is doing, for health and metrics.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TaskStatus {
    /// Its name, `line.rs485_1`.
    pub name: String,
    /// Runs at present.
    pub running: bool,
    /// How often it was built anew.
    pub restarts: u64,
    /// Why it ended last, in words.
    pub last_end: Option<String>,
}

/// The list of all tasks, shared with readers.
#[derive(Debug, Clone, Default)]
pub struct Roster(Arc<Mutex<Vec<TaskStatus>>>);

impl Roster {
    /// A copy of the list.
    pub fn all(&self) -> Vec<TaskStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, name: &str, edit: impl FnOnce(&mut TaskStatus)) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = list.iter_mut().find(|t| t.name == name) {
            edit(task);
        } else {
            let mut task = TaskStatus { name: name.to_owned(), running: false, restarts: 0, last_end: None };
            edit(&mut task);
            list.push(task);
        }
    }
}

/// Tasks that stop together. Stages are stopped in flow order by the composition root.
#[derive(Debug)]
pub struct Stage {
    name: &'static str,
    stop: CancellationToken,
    fatal: CancellationToken,
    roster: Roster,
    tasks: JoinSet<()>,
    names: Vec<String>,
}

impl Stage {
    /// An empty stage. `fatal` is cancelled when a [`Policy::Fatal`] task ends before its time.
    #[must_use]
    pub fn new(name: &'static str, roster: Roster, fatal: CancellationToken) -> Self {
        Self { name, stop: CancellationToken::new(), fatal, roster, tasks: JoinSet::new(), names: Vec::new() }
    }

    /// Tells the tasks of this stage to finish; hand a clone to each.
    pub fn token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs what `build` makes on the current runtime, under `name`. `build` is called again after a failure.
    pub fn spawn<F, Fut>(&mut self, name: impl Into<String>, policy: Policy, build: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        let name = name.into();
        self.names.push(name.clone());
        let keeper =
            Keeper { name, policy, stop: self.stop.clone(), fatal: self.fatal.clone(), roster: self.roster.clone() };
        #[allow(clippy::disallowed_methods)]
        self.tasks.spawn(keeper.keep(build));
    }

    /// Cancels the stage and waits for its tasks; names those that are late, then ends them by force.
    pub async fn stop(mut self, grace: Duration) {
        self.stop.cancel();
        let deadline = Instant::now() + grace;
        while let Ok(Some(_)) = tokio::time::timeout_at(deadline, self.tasks.join_next()).await {}
        if !self.tasks.is_empty() {
            let late: Vec<_> =
                self.roster.all().into_iter().filter(|t| t.running && self.names.contains(&t.name)).collect();
            for task in late {
                tracing::warn!(stage = self.name, task = task.name, ?grace, "did not stop in time, ended by force");
            }
            self.tasks.shutdown().await;
        }
    }
}

/// The loop around one task.
struct Keeper {
    name: String,
    policy: Policy,
    stop: CancellationToken,
    fatal: CancellationToken,
    roster: Roster,
}

impl Keeper {
    async fn keep<F, Fut>(self, mut build: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        let mut pause = RESTART_PAUSE_MIN;
        loop {
            self.roster.change(&self.name, |t| t.running = true);
            let started = Instant::now();
            // Started here and not inside the waiting: the future would lie in this task as well as in its own.
            let own = start(build());
            let end = caught(own).await.map_or_else(|why| why, |()| "finished".to_owned());
            self.roster.change(&self.name, |t| {
                t.running = false;
                t.last_end = Some(end.clone());
            });
            if self.stop.is_cancelled() {
                return;
            }
            if self.policy == Policy::Fatal {
                tracing::error!(task = self.name, end, "ended before its time; the gateway stops to be started anew");
                self.fatal.cancel();
                return;
            }
            if started.elapsed() >= HEALTHY_AFTER {
                pause = RESTART_PAUSE_MIN;
            }
            tracing::error!(task = self.name, end, ?pause, "ended before its time; built anew after the pause");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => return,
            }
            pause = (pause * 2).min(RESTART_PAUSE_MAX);
            self.roster.change(&self.name, |t| t.restarts += 1);
        }
    }
}

/// Starts a future as a task of its own, so that its panic is a value for whoever waits.
fn start(task: impl Future<Output = Result<(), String>> + Send + 'static) -> JoinSet<Result<(), String>> {
    let mut own = JoinSet::new();
    own.spawn(task);
    own
}

/// Waits for the one task of the set.
async fn caught(mut own: JoinSet<Result<(), String>>) -> Result<(), String> {
    match own.join_next().await {
        Some(Ok(done)) => done,
        Some(Err(join)) if join.is_panic() => {
            let payload = join.into_panic();
            let text = payload
                .downcast_ref::<&str>()
                .map(|s| (*s).to_owned())
                .or_else(|| payload.downcast_ref::<String>().cloned());
            Err(format!("panic: {}", text.as_deref().unwrap_or("no message")))
        }
        _ => Err("cancelled".to_owned()),
    }
}

/// Counts up while its owner is alive: a stuck counter withholds the watchdog's ping.
#[derive(Clone)]
pub struct Pulse(Arc<dyn Fn() -> u64 + Send + Sync>);

impl fmt::Debug for Pulse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pulse").field(&self.count()).finish()
    }
}

impl Pulse {
    /// Wraps a counter that a part owns.
    #[must_use]
    pub fn of(counter: Arc<AtomicU64>) -> Self {
        Self::read_by(move || counter.load(Ordering::Relaxed))
    }

    /// Asks `read` for the count; it must not block.
    #[must_use]
    pub fn read_by(read: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The count now.
    #[must_use]
    pub fn count(&self) -> u64 {
        (self.0)()
    }
}

/// The counter of a task that may be built anew, each time with a counter of its own.
#[derive(Debug, Clone, Default)]
pub struct Heart(Arc<Mutex<Arc<AtomicU64>>>);

impl Heart {
    /// The task (built anew) counts here from now on.
    pub fn beats_in(&self, counter: Arc<AtomicU64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = counter;
    }

    /// Follows whichever counter is the present one.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        let heart = Arc::clone(&self.0);
        Pulse::read_by(move || heart.lock().unwrap_or_else(PoisonError::into_inner).load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_panicking_task_is_built_anew_and_stops_when_told() {
        let roster = Roster::default();
        let mut stage = Stage::new("test", roster.clone(), CancellationToken::new());
        let token = stage.token();
        let mut runs = 0;
        stage.spawn("shaky", Policy::Restart, move || {
            runs += 1;
            let (first, token) = (runs == 1, token.clone());
            async move {
                assert!(!first, "first run fails");
                token.cancelled().await;
                Ok(())
            }
        });
        tokio::time::timeout(Duration::from_secs(10), async {
            while roster.all().first().is_none_or(|t| t.restarts == 0) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await
        .expect("built anew");
        stage.stop(Duration::from_secs(1)).await;
        let task = roster.all().remove(0);
        assert_eq!((task.running, task.last_end.as_deref()), (false, Some("finished")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fatal_task_stops_the_gateway() {
        // Also one that just finishes: before the stop nothing vital has an end.
        for end in [Err("disk gone".to_owned()), Ok(())] {
            let fatal = CancellationToken::new();
            let mut stage = Stage::new("test", Roster::default(), fatal.clone());
            stage.spawn("vital", Policy::Fatal, move || std::future::ready(end.clone()));
            tokio::time::timeout(Duration::from_secs(10), fatal.cancelled()).await.expect("noticed");
            stage.stop(Duration::from_secs(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_vital_task_that_finishes_when_told_is_no_loss() {
        let fatal = CancellationToken::new();
        let mut stage = Stage::new("test", Roster::default(), fatal.clone());
        let token = stage.token();
        stage.spawn("vital", Policy::Fatal, move || {
            let token = token.clone();
            async move {
                token.cancelled().await;
                Ok(())
            }
        });
        stage.stop(Duration::from_secs(1)).await;
        assert!(!fatal.is_cancelled());
    }

    #[test]
    fn a_pulse_follows_the_task_that_was_built_anew() {
        let heart = Heart::default();
        let pulse = heart.pulse();
        heart.beats_in(Arc::new(AtomicU64::new(7)));
        assert_eq!(pulse.count(), 7);
        let anew = Arc::new(AtomicU64::new(0));
        heart.beats_in(Arc::clone(&anew));
        anew.fetch_add(3, Ordering::Relaxed);
        assert_eq!(pulse.count(), 3);
    }
}
