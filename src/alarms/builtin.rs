//! Gatehouse's own alarms: lines, devices, disk, clock, upstreams, webhooks, brokers, with their texts and delays.

use crate::model::alarm::{AlarmText, Level};
use crate::model::far::{FarEnd, FarKind};
use crate::model::site::{DeviceInfo, LineInfo, Site};
use crate::model::text::Text;

/// A line must be down so long before it rings, so that a reconnect does not.
pub(super) const LINE_DELAY_MS: i64 = 3_000;
/// A device in quarantine has failed several times already; this leaves time for its line to be found dead first.
pub(super) const QUARANTINE_DELAY_MS: i64 = 4_000;
/// Least delay of a device that is down without being in quarantine.
const DEVICE_DELAY_MIN_MS: i64 = 6_000;
/// Most: slow devices are not waited for longer.
const DEVICE_DELAY_MAX_MS: i64 = 600_000;
/// An upstream, webhook or broker may be away so long before anybody is told.
pub(super) const FAR_END_DELAY_MS: i64 = 300_000;
/// Time sync needs a moment after power-on.
pub(super) const CLOCK_DELAY_MS: i64 = 120_000;
/// A trouble of line, device or far end must be over for so long before its alarm clears: one that comes and goes is one
/// alarm, not one for each time.
pub(super) const CLEAR_DELAY_MS: i64 = 30_000;
/// After its line is back a device has so long to answer before it rings.
pub(super) const GRACE_MS: i64 = 30_000;

/// Kinds of device whose silence may cost lives.
#[must_use]
pub fn is_life_safety(kind: &str) -> bool {
    matches!(kind, "smoke" | "fire" | "gas" | "lift" | "sos")
}

/// Two periods of its fastest point, within bounds.
pub(super) fn device_delay_ms(site: &Site, device: &DeviceInfo) -> i64 {
    let periods = device.points().filter_map(|p| site.points.get(p.ix())).map(|p| i64::from(p.every_ms));
    let fastest = periods.filter(|ms| *ms > 0).min().unwrap_or(0);
    (fastest * 2).clamp(DEVICE_DELAY_MIN_MS, DEVICE_DELAY_MAX_MS)
}

pub(super) fn device_level(device: &DeviceInfo) -> Level {
    if is_life_safety(&device.kind) { Level::Major } else { Level::Minor }
}

fn text(title: [&str; 2], cause: [&str; 2], harm: [&str; 2], action: &[[&str; 2]]) -> AlarmText {
    let both = |[zh, en]: [&str; 2]| Text::new(zh, en);
    AlarmText {
        title: both(title),
        cause: both(cause),
        harm: both(harm),
        action: action.iter().copied().map(both).collect(),
    }
}

pub(super) fn line_text(line: &LineInfo) -> AlarmText {
    let (id, target) = (&line.id, &line.target);
    text(
        [
            &format!("线路 {id} 中断，其下 {} 台设备失联", line.devices.len()),
            &format!("Line {id} is down with {} devices behind it", line.devices.len()),
        ],
        [
            &format!("{target} 无法连接：网线、串口线、串口服务器或对端掉电"),
            &format!("{target} cannot be reached: cable, serial adapter, or no power at the far end"),
        ],
        ["该线路上所有设备的数据与告警都看不到", "Nothing behind this line can be seen: no values, no alarms"],
        &[
            ["查看串口服务器或交换机的电源与指示灯", "Look at power and lights of the serial server or switch"],
            ["检查接线端子与 A/B 极性", "Check terminals and A/B polarity"],
            [
                "恢复前安排人工巡视消防、电梯等关键设备",
                "Until it is back, have fire and lift equipment watched by people",
            ],
        ],
    )
}

pub(super) fn device_text(device: &DeviceInfo) -> AlarmText {
    let name = if device.name.is_empty() { device.id.as_str() } else { device.name.as_str() };
    text(
        [&format!("{name} 无应答"), &format!("{name} does not answer")],
        ["设备掉电、接线松动、站号被改动或电池耗尽", "No power, loose wiring, changed unit id, or an empty battery"],
        ["该设备的数据与告警都看不到", "Its values and alarms cannot be seen"],
        &[
            ["到现场查看设备电源与通信指示灯", "Look at its power and communication lights on site"],
            ["核对站号、波特率与接线", "Compare unit id, baud rate and wiring with the configuration"],
            ["同线路其它设备正常时，更换通信模块", "If others on the line work, exchange its communication module"],
        ],
    )
}

pub(super) fn store_text() -> AlarmText {
    text(
        ["网关存储异常", "The gateway's disk is in trouble"],
        ["磁盘已满、写入失败或存储卡损坏", "Disk full, writes failing, or a worn card"],
        ["断电后最近的数据可能丢失；告警仍在显示", "Recent data may be lost at a power cut; alarms are still shown"],
        &[
            ["在“系统”页查看剩余空间与错误信息", "See free space and errors on the system page"],
            ["清理空间或更换存储卡", "Free some space, or replace the card"],
        ],
    )
}

pub(super) fn clock_text() -> AlarmText {
    text(
        ["网关时钟未校准", "The gateway's clock is not set"],
        ["开机后尚未对时，且没有可用的时钟电池", "No time source since power-on, and no battery-backed clock"],
        ["显示的时间不可信；按时段的规则暂停", "Times shown cannot be trusted; rules that depend on the hour rest"],
        &[["检查网络对时（NTP）与时钟电池", "Check network time (NTP) and the clock's battery"]],
    )
}

/// An upstream gets everything later. Behind a webhook or a broker are the people who would come, and they hear nothing.
pub(super) fn far_end_level(kind: FarKind) -> Level {
    match kind {
        FarKind::Upstream => Level::Minor,
        FarKind::Webhook | FarKind::Publish => Level::Major,
    }
}

pub(super) fn far_end_text(far: &FarEnd) -> AlarmText {
    let id = far.id.as_str();
    match far.kind {
        FarKind::Upstream => upstream_text(id),
        FarKind::Webhook => sender_text(
            [&format!("消息推送 {id} 已有 5 分钟发不出去"), &format!("Webhook {id} has taken nothing for 5 minutes")],
            [
                "对端停机、网络中断、地址或凭据失效",
                "Far end stopped, network down, or address or credential no longer good",
            ],
            ["检查对端（机器人、短信平台等）与网络", "Check the far end (robot, message service) and the network"],
        ),
        FarKind::Publish => sender_text(
            [
                &format!("消息服务器 {id} 已有 5 分钟发不出去"),
                &format!("Broker {id} has taken no messages for 5 minutes"),
            ],
            ["MQTT 服务器停机、网络中断或凭据失效", "MQTT broker stopped, network down, or a rejected credential"],
            ["检查 MQTT 服务器与网络", "Check the broker and the network"],
        ),
    }
}

fn sender_text(title: [&str; 2], cause: [&str; 2], check: [&str; 2]) -> AlarmText {
    text(
        title,
        cause,
        [
            "靠这些消息得知告警的人现在收不到；消息留在本机，恢复后补发",
            "Whoever learns of alarms from it hears nothing now; messages wait here and follow later",
        ],
        &[
            [
                "恢复前安排人守在本页面前，并电话通知相关人员",
                "Until it is back, have somebody watch this page, and telephone",
            ],
            check,
            ["在“同步”页查看错误原因", "See the reason on the sync page"],
        ],
    )
}

fn upstream_text(id: &str) -> AlarmText {
    text(
        [&format!("云端 {id} 已中断 5 分钟"), &format!("Upstream {id} has been away for 5 minutes")],
        ["外网中断、云端故障或凭据失效", "No internet, trouble at the far end, or a rejected credential"],
        [
            "数据与告警留在本地，恢复后自动补传；远程人员暂时看不到",
            "Data and alarms stay here and follow later; people elsewhere cannot see them now",
        ],
        &[
            ["检查路由器与上网线路", "Check router and internet line"],
            ["在“同步”页查看错误原因", "See the reason on the sync page"],
        ],
    )
}
