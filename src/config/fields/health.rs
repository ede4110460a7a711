//! The health part of a profile. Constant data.

use crate::config::fields::condition::SETTING;
use crate::text::field::{Field, Kind, Scalar, Table, bi, default, optional, required};

/// Roles and services.
pub static HEALTH: Table = Table {
    name: "health",
    head: "[health]",
    doc: bi(
        "What counts for the health record: roles of points and services. What is not named is not counted; a total that the device keeps itself is preferred over a counted one.",
        "设备健康档案：各测点的角色与保养项目。未写的不计数；设备自带的累计值优先于网关计数。",
    ),
    fields: &[
        optional("running", Kind::Id, bi("switch: the machine works", "开关量：设备在运行")),
        optional("hours", Kind::Id, bi("the device's own total of hours run", "设备自带的累计运行小时")),
        optional("starts", Kind::Id, bi("the device's own total of starts", "设备自带的累计启动次数")),
        optional("trips", Kind::Id, bi("the device's own total of trips", "设备自带的累计运行次数")),
        optional("door", Kind::Id, bi("switch: the door is not shut", "开关量：门未关闭")),
        optional("door_cycles", Kind::Id, bi("the device's own total of door cycles", "设备自带的累计开关门次数")),
        optional("energy", Kind::Id, bi("total of energy", "累计电量")),
        optional(
            "starts_per_hour_max",
            SETTING,
            bi(
                "starts in an hour that the machine bears (a number or a parameter)",
                "每小时允许启动次数（数或参数名）",
            ),
        ),
        default(
            "duty",
            Kind::Bool,
            Scalar::Bool(false),
            bi(
                "takes turns with devices of the same profile at the same place: hours should be alike",
                "与同处同模板的设备轮换运行，运行时间应相近",
            ),
        ),
        optional("service", Kind::Array(&SERVICE), bi("services that fall due", "保养项目")),
    ],
    one_of: &[],
};

static SERVICE: Table = Table {
    name: "service",
    head: "[[health.service]]",
    doc: bi("A service that falls due again and again.", "周期性保养项目。"),
    fields: &[
        required("id", Kind::Id, bi("id inside the profile", "模板内的标识")),
        required("name", Kind::Two, bi("what is done", "做什么")),
        required("every", Kind::Table(&EVERY), bi("how often: exactly one measure", "周期：只写一种计量")),
    ],
    one_of: &[],
};

const TOTAL: Kind = Kind::Number { min: 1.0, max: 1e9 };

const EVERY_FIELDS: [Field; 5] = [
    optional("hours", TOTAL, bi("hours run", "运行小时")),
    optional("starts", TOTAL, bi("starts", "启动次数")),
    optional("trips", TOTAL, bi("trips", "运行次数")),
    optional("door_cycles", TOTAL, bi("openings of the door", "开关门次数")),
    optional("days", Kind::Number { min: 1.0, max: 36_525.0 }, bi("days by the calendar", "日历天数")),
];

static EVERY: Table = Table {
    name: "service_every",
    head: "every",
    doc: bi("How often a service is due.", "保养周期。"),
    fields: &EVERY_FIELDS,
    one_of: &[&["hours", "starts", "trips", "door_cycles", "days"]],
};
