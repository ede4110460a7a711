//! Simulated devices that publish: one real MQTT client per device towards a broker or towards gatehouse's listener.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Outgoing, Packet, QoS};
use tokio::time::Instant;

use crate::config::DeviceAddress;
use crate::sim::plant::Plant;

/// A device publishes when something changed, and at least this often.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How often it looks at itself.
const LOOK: Duration = Duration::from_millis(500);
/// Pause before a lost connection is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Where to publish and as whom.
#[derive(Debug, Clone)]
pub struct Target {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User and password.
    pub login: Option<(String, String)>,
}

/// Publishes for device number `ix` of the plant, for ever.
pub async fn publish(plant: Arc<Mutex<Plant>>, ix: usize, target: Target) -> std::io::Result<()> {
    let Some((id, base)) = who(&plant, ix) else { return Ok(()) };
    let mut options = MqttOptions::new(format!("sim-{id}"), target.host, target.port);
    options.set_keep_alive(Duration::from_secs(30));
    if let Some((user, password)) = target.login {
        options.set_credentials(user, password);
    }
    let (client, mut events) = AsyncClient::new(options, 16);
    let mut teller = Teller { plant, ix, base, last: Vec::new(), said_at: None };
    let mut look = tokio::time::interval(LOOK);
    let mut connected = false;
    loop {
        tokio::select! {
            _ = look.tick(), if connected => teller.tell(&client),
            event = events.poll() => match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => connected = true,
                Ok(Event::Outgoing(Outgoing::Disconnect)) | Err(_) => {
                    connected = false;
                    teller.last.clear();
                    tokio::time::sleep(RETRY).await;
                }
                Ok(_) => {}
            },
        }
    }
}

fn who(plant: &Mutex<Plant>, ix: usize) -> Option<(String, String)> {
    let plant = plant.lock().unwrap_or_else(PoisonError::into_inner);
    let device = plant.devices.get(ix)?;
    match &device.address {
        DeviceAddress::Topic(topic) => Some((device.id.clone(), topic.clone())),
        DeviceAddress::Unit(_) => None,
    }
}

/// Remembers what was said last, so that an unchanged device stays quiet.
struct Teller {
    plant: Arc<Mutex<Plant>>,
    ix: usize,
    base: String,
    last: Vec<(String, String)>,
    said_at: Option<Instant>,
}

impl Teller {
    fn tell(&mut self, client: &AsyncClient) {
        let messages = {
            let plant = self.plant.lock().unwrap_or_else(PoisonError::into_inner);
            match plant.devices.get(self.ix) {
                Some(device) if device.alive => device.messages(),
                _ => return,
            }
        };
        let due = self.said_at.is_none_or(|at| at.elapsed() >= HEARTBEAT);
        if !due && messages == self.last {
            return;
        }
        for (topic, payload) in &messages {
            // A full client queue means that the far end is slow; the next look says it again.
            if client.try_publish(format!("{}{topic}", self.base), QoS::AtLeastOnce, false, payload.clone()).is_err() {
                return;
            }
        }
        self.last = messages;
        self.said_at = Some(Instant::now());
    }
}
