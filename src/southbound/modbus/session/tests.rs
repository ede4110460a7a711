//! One exchange over in-memory streams: deadlines, late answers, listening out.

use tokio::io::DuplexStream;

use super::*;
use crate::profile::Area;
use crate::southbound::modbus::pdu::crc;

const READ: Ask<'_> = Ask::Read { area: Area::Holding, address: 0, count: 1 };
const SECOND: Duration = Duration::from_secs(1);

fn pair(framing: Framing) -> (Session, DuplexStream) {
    let (near, far) = tokio::io::duplex(1024);
    (Session::new(Box::new(near), framing), far)
}

/// Reads one TCP request, gives its transaction id.
async fn tid(far: &mut DuplexStream) -> [u8; 2] {
    let mut request = [0; 12];
    far.read_exact(&mut request).await.unwrap();
    [request[0], request[1]]
}

fn answer(tid: [u8; 2], value: u8) -> Vec<u8> {
    vec![tid[0], tid[1], 0, 0, 0, 5, 3, 3, 2, 0, value]
}

fn rtu(bytes: &[u8]) -> Vec<u8> {
    [bytes, &crc(bytes).to_le_bytes()].concat()
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_dropped_and_the_next_is_right() {
    let (mut session, mut far) = pair(Framing::Tcp);
    let device = async {
        let first = tid(&mut far).await;
        let second = tid(&mut far).await;
        far.write_all(&answer(first, 1)).await.unwrap();
        far.write_all(&answer(second, 2)).await.unwrap();
    };
    let client = async {
        assert_eq!(session.ask(3, &READ, SECOND).await.unwrap(), Heard::Silence);
        assert_eq!(session.ask(3, &READ, SECOND).await.unwrap(), Heard::Data(&[0, 2]));
        let rejects = session.take_rejects();
        assert_eq!((rejects.count, rejects.has(3), rejects.has(4)), (1, true, false));
    };
    tokio::join!(device, client);
}

#[tokio::test(start_paused = true)]
async fn half_a_frame_ends_the_connection() {
    let (mut session, mut far) = pair(Framing::Tcp);
    let device = async {
        let tid = tid(&mut far).await;
        far.write_all(&answer(tid, 1)[..8]).await.unwrap();
        far
    };
    let client = async {
        assert_eq!(session.ask(3, &READ, SECOND).await.unwrap(), Heard::Silence);
        assert!(session.is_out_of_step());
    };
    let (_far, ()) = tokio::join!(device, client);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_takes_no_bytes_is_not_waited_for_ever() {
    let (near, _far) = tokio::io::duplex(4);
    let mut session = Session::new(Box::new(near), Framing::Tcp);
    assert!(matches!(session.ask(3, &READ, SECOND).await, Err(Broken::Stuck)));
}

#[tokio::test(start_paused = true)]
async fn rtu_forgets_what_came_before_the_request() {
    let (mut session, mut far) = pair(Framing::Rtu);
    far.write_all(&rtu(&[3, 3, 2, 0, 9])).await.unwrap();
    assert_eq!(session.ask(3, &READ, SECOND).await.unwrap(), Heard::Silence, "an answer before its question");
    assert!(!session.listen_out(SECOND).await.unwrap());
    assert_eq!(session.take_rejects().count, 1);
}

#[tokio::test(start_paused = true)]
async fn listening_out_ends_with_the_late_answer() {
    let (mut session, mut far) = pair(Framing::Rtu);
    let device = async {
        tokio::time::sleep(Duration::from_millis(1300)).await;
        far.write_all(&rtu(&[3, 3, 2, 0, 9])).await.unwrap();
        far
    };
    let client = async {
        let begun = Instant::now();
        assert_eq!(session.ask(3, &READ, SECOND).await.unwrap(), Heard::Silence);
        assert!(session.listen_out(SECOND).await.unwrap());
        assert_eq!(begun.elapsed(), Duration::from_millis(1300));
        assert!(session.take_rejects().has(3));
    };
    tokio::join!(device, client);
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_is_told_apart() {
    let (mut session, far) = pair(Framing::Tcp);
    drop(far);
    assert!(session.ask(3, &READ, SECOND).await.is_err());
}
