//! The fields of the site file. Constant data.

use crate::config::fields::cases::CASES;
use crate::config::fields::condition::{CONDITION_FIELDS, CONDITIONS};
use crate::config::fields::profile::POINT;
use crate::config::fields::vision::{CAMERA, FACADE, VISION};
use crate::config::fields::{CREDENTIAL, PORT};
use crate::config::notation::net::HOST;
use crate::config::notation::{BIND, BROKER_URL, DAYS, HTTP_URL, MODE, PROFILE, TOPIC};
use crate::text::field::{ANY_NUMBER, Bi, Field, Kind, LINE, Scalar, Table, bi, default, optional, required};

const PATH: Kind = Kind::Text { max: 4096 };

/// The whole site file.
pub static SITE_FILE: Table = Table {
    name: "site_file",
    head: "the site file",
    doc: bi("One file describes one site.", "一个文件描述一个站点。"),
    fields: &[
        required("version", Kind::Int { min: 1, max: 1 }, bi("version of this format", "格式版本")),
        required("site", Kind::Table(&SITE), bi("the site", "站点")),
        optional("api", Kind::Table(&API), bi("the local page and interface", "本地页面与接口")),
        optional("store", Kind::Table(&STORE), bi("the data on disk", "磁盘存储")),
        optional("line", Kind::Tables(&LINE_TABLE), bi("how bytes travel", "线路")),
        optional("device", Kind::Tables(&DEVICE), bi("the devices", "设备")),
        optional(
            "devices_from",
            Kind::Tables(&DEVICES_FROM),
            bi("look-alike devices from a sheet", "由表格批量导入同类设备"),
        ),
        optional("rule", Kind::Tables(&RULE), bi("rules of the site", "站点规则")),
        optional("vision", Kind::Table(&VISION), bi("where cameras post their events", "接收摄像机事件")),
        optional("facade", Kind::Tables(&FACADE), bi("faces of buildings", "楼体立面")),
        optional("camera", Kind::Tables(&CAMERA), bi("cameras that report events", "上报事件的摄像机")),
        optional("cases", Kind::Table(&CASES), bi("how their events become cases", "事件如何成案")),
        optional("upstream", Kind::Tables(&UPSTREAM), bi("where everything is sent", "上云目标")),
        optional(
            "webhook",
            Kind::Tables(&WEBHOOK),
            bi("where every change of an alarm is posted", "告警变化推送到的网址"),
        ),
        optional(
            "publish",
            Kind::Tables(&PUBLISH),
            bi("brokers on which alarms and cases are published", "发布告警与案件的 MQTT 服务器"),
        ),
        optional("notify", Kind::Any, bi("channels to people (not active yet)", "通知渠道（尚未启用）")),
        optional("escalate", Kind::Any, bi("who is told when nobody answers (not active yet)", "逐级上报（尚未启用）")),
    ],
    one_of: &[],
};

static SITE: Table = Table {
    name: "site",
    head: "[site]",
    doc: bi("The site.", "站点。"),
    fields: &[
        required("id", Kind::Id, bi("id of the site, goes with everything sent", "站点标识，随数据上送")),
        required("name", LINE, bi("name of the site", "站点名称")),
        default("time_zone", LINE, Scalar::Text("Asia/Shanghai"), bi("IANA time zone", "IANA 时区")),
        default(
            "lang",
            Kind::Word(LANGS),
            Scalar::Text("zh-CN"),
            bi("language of messages and page", "消息与页面语言"),
        ),
        optional(
            "holidays",
            DAYS_LIST,
            bi(
                "public holidays, days or ranges of days: they count as Sundays for what learns the rhythm of the week",
                "法定节假日（某日或起止日期）：学习每周规律的检测按星期日看待",
            ),
        ),
        optional(
            "workdays",
            DAYS_LIST,
            bi(
                "weekends that are worked to make up for holidays: a Saturday counts as a Friday, a Sunday as a Monday",
                "调休上班的周末：星期六按星期五、星期日按星期一看待",
            ),
        ),
    ],
    one_of: &[],
};

/// A few years of holidays.
const DAYS_LIST: Kind = Kind::List { of: &Kind::Checked(&DAYS), max: 100 };

const LANGS: &[(&str, Bi)] = &[("zh-CN", bi("Chinese", "简体中文")), ("en", bi("English", "英文"))];

static API: Table = Table {
    name: "api",
    head: "[api]",
    doc: bi("The local page and interface.", "本地页面与接口。"),
    fields: &[default(
        "bind",
        Kind::Checked(&BIND),
        Scalar::Text("127.0.0.1:8080"),
        bi("where to listen; this machine only", "监听地址；仅限本机"),
    )],
    one_of: &[],
};

static STORE: Table = Table {
    name: "store",
    head: "[store]",
    doc: bi("The data on disk.", "磁盘存储。"),
    fields: &[
        default(
            "path",
            PATH,
            Scalar::Text("/var/lib/gatehouse"),
            bi("data folder; `--data DIR` wins", "数据目录；`--data DIR` 优先"),
        ),
        default(
            "max_size",
            Kind::Size { min: 16 << 20, max: 64 << 40 },
            Scalar::Text("4GiB"),
            bi("most bytes of everything together", "全部数据的上限"),
        ),
        default(
            "commit_every",
            Kind::Duration { min_ms: 100, max_ms: 60_000 },
            Scalar::Text("5s"),
            bi("readings are on disk at the latest after this long", "读数最迟多久落盘"),
        ),
        default(
            "commit_count",
            Kind::Int { min: 1, max: 100_000 },
            Scalar::Int(4000),
            bi("or when so many wait", "或积累到多少条时落盘"),
        ),
    ],
    one_of: &[],
};

/// The ways a line can go.
pub const PATHS: &[&str] = &["serial", "tcp", "rtu_tcp", "rtu_listen", "mqtt", "mqtt_listen"];

static LINE_TABLE: Table = Table {
    name: "line",
    head: "[line.<id>]",
    doc: bi("One physical path to devices.", "一条到设备的物理通路。"),
    fields: &[
        optional("serial", Kind::Table(&SERIAL), bi("Modbus RTU on a serial port", "串口 Modbus RTU")),
        optional("tcp", Kind::Table(&TCP), bi("Modbus TCP", "Modbus TCP")),
        optional(
            "rtu_tcp",
            Kind::Table(&RTU_TCP),
            bi("Modbus RTU frames over a TCP connection we open", "TCP 透传 Modbus RTU（主动连接）"),
        ),
        optional(
            "rtu_listen",
            Kind::Table(&RTU_LISTEN),
            bi("Modbus RTU frames over a TCP connection a modem opens to us", "TCP 透传 Modbus RTU（等待 DTU 接入）"),
        ),
        optional("mqtt", Kind::Table(&MQTT), bi("client of a broker that is already there", "连接已有的 MQTT 服务器")),
        optional(
            "mqtt_listen",
            Kind::Table(&MQTT_LISTEN),
            bi("gatehouse's own listener for devices that publish", "本机 MQTT 接入，设备直接上报"),
        ),
        default(
            "timeout",
            Kind::Duration { min_ms: 10, max_ms: 60_000 },
            Scalar::Text("1s"),
            bi("how long to wait for an answer", "应答超时"),
        ),
        default(
            "gap",
            Kind::Duration { min_ms: 0, max_ms: 10_000 },
            Scalar::Text("0ms"),
            bi("least pause between an answer and the next request", "应答与下一请求的最小间隔"),
        ),
        default(
            "every",
            Kind::Duration { min_ms: 50, max_ms: 86_400_000 },
            Scalar::Text("5s"),
            bi("scan period of points that name none", "未注明周期的测点的采集周期"),
        ),
    ],
    one_of: &[PATHS],
};

static SERIAL: Table = Table {
    name: "serial",
    head: "serial",
    doc: bi("A serial port.", "串口。"),
    fields: &[
        required(
            "port",
            PATH,
            bi("device file; `/dev/serial/by-id/..` survives replugging", "设备文件；`/dev/serial/by-id/..` 重插不变"),
        ),
        default("baud", Kind::Int { min: 300, max: 4_000_000 }, Scalar::Int(9600), bi("bits per second", "波特率")),
        default(
            "mode",
            Kind::Checked(&MODE),
            Scalar::Text("8E1"),
            bi("data bits, parity, stop bits", "数据位、校验、停止位"),
        ),
        default(
            "rs485",
            Kind::Bool,
            Scalar::Bool(false),
            bi("let the kernel drive the RS-485 direction", "由内核控制 RS-485 收发方向"),
        ),
    ],
    one_of: &[],
};

const HOST_FIELD: Field = required("host", Kind::Checked(&HOST), bi("name or address", "主机名或地址"));

static TCP: Table = Table {
    name: "tcp",
    head: "tcp",
    doc: bi("Modbus TCP.", "Modbus TCP。"),
    fields: &[HOST_FIELD, default("port", PORT, Scalar::Int(502), bi("port", "端口"))],
    one_of: &[],
};

static RTU_TCP: Table = Table {
    name: "rtu_tcp",
    head: "rtu_tcp",
    doc: bi("RTU frames over TCP.", "TCP 透传 RTU。"),
    fields: &[HOST_FIELD, required("port", PORT, bi("port", "端口"))],
    one_of: &[],
};

static RTU_LISTEN: Table = Table {
    name: "rtu_listen",
    head: "rtu_listen",
    doc: bi("A modem dials in.", "DTU 主动接入。"),
    fields: &[
        required("bind", Kind::Checked(&BIND), bi("where to listen", "监听地址")),
        optional("hello", LINE, bi("registration text the modem sends first", "DTU 首先发送的注册包")),
    ],
    one_of: &[],
};

static MQTT: Table = Table {
    name: "mqtt_client",
    head: "mqtt",
    doc: bi("Client of a broker.", "MQTT 客户端。"),
    fields: &[
        required("url", Kind::Checked(&BROKER_URL), bi("the broker", "服务器")),
        optional("credential", CREDENTIAL, bi("credential `user:password`", "凭据 `用户名:密码`")),
        optional("ca", CREDENTIAL, bi("credential with the CA certificate (PEM)", "CA 证书（PEM）凭据")),
        optional(
            "client_id",
            Kind::Text { max: 128 },
            bi("client id; made from the gateway's id otherwise", "客户端标识；缺省由网关标识生成"),
        ),
    ],
    one_of: &[],
};

static MQTT_LISTEN: Table = Table {
    name: "mqtt_listen",
    head: "mqtt_listen",
    doc: bi(
        "Devices publish straight to gatehouse; the acknowledgement means \"on disk\".",
        "设备直接上报；确认即已落盘。",
    ),
    fields: &[
        required("bind", Kind::Checked(&BIND), bi("where to listen", "监听地址")),
        default(
            "tls",
            Kind::Bool,
            Scalar::Bool(false),
            bi(
                "TLS with the credentials `<line>_cert` and `<line>_key`",
                "TLS，使用凭据 `<线路>_cert` 与 `<线路>_key`",
            ),
        ),
        default(
            "clients_max",
            Kind::Int { min: 1, max: 10_000 },
            Scalar::Int(512),
            bi("most clients at once", "最多同时连接数"),
        ),
    ],
    one_of: &[],
};

const NAME: Field = required("name", LINE, bi("name for people", "名称"));
const PROFILE_FIELD: Field = required("profile", Kind::Checked(&PROFILE), bi("its profile", "设备模板"));
const LINE_FIELD: Field = required("line", Kind::Id, bi("the line it hangs on", "所在线路"));
const SET: Field = optional(
    "set",
    Kind::Map { key: bi("parameter", "参数"), of: &ANY_NUMBER },
    bi("values for parameters of the profile", "模板参数的取值"),
);
const POINTS: Field = optional(
    "points",
    Kind::Changes(&POINT),
    bi("changes to points: `points.pressure.scale = 0.01`", "修改测点：`points.pressure.scale = 0.01`"),
);

static DEVICE: Table = Table {
    name: "device",
    head: "[device.<id>]",
    doc: bi("A device.", "设备。"),
    fields: &[
        NAME,
        required("at", LINE, bi("place as a path; makes the tree on the page", "位置路径，即页面上的树")),
        PROFILE_FIELD,
        LINE_FIELD,
        optional("unit", Kind::Int { min: 0, max: 255 }, bi("Modbus unit id", "Modbus 单元号（站号）")),
        optional("topic", Kind::Checked(&TOPIC), bi("MQTT topic of the device", "设备的 MQTT 主题")),
        SET,
        optional(
            "credential",
            CREDENTIAL,
            bi(
                "credential `user:password` with which it logs in at our listener",
                "设备登录本机 MQTT 接入的凭据 `用户名:密码`",
            ),
        ),
        POINTS,
    ],
    one_of: &[&["unit", "topic"]],
};

static DEVICES_FROM: Table = Table {
    name: "devices_from",
    head: "[devices_from.<id>]",
    doc: bi(
        "Look-alike devices, one a row of a sheet with the columns id, name, at and unit or topic.",
        "同类设备，表格每行一台，列为 id、name、at 以及 unit 或 topic。",
    ),
    fields: &[
        required("csv", PATH, bi("the sheet, relative to this file; UTF-8", "表格文件，相对本文件；UTF-8")),
        PROFILE_FIELD,
        LINE_FIELD,
        SET,
        optional("credential", CREDENTIAL, bi("credential of all of them", "共用的凭据")),
        POINTS,
    ],
    one_of: &[],
};

static RULE: Table = Table {
    name: "rule",
    head: "[rule.<id>]",
    doc: bi("A rule of the site; points are written `device.point`.", "站点规则；测点写作 `设备.测点`。"),
    fields: &CONDITION_FIELDS,
    one_of: &[CONDITIONS],
};

static UPSTREAM: Table = Table {
    name: "upstream",
    head: "[upstream.<id>]",
    doc: bi("Where everything is sent.", "上云目标。"),
    fields: &[optional("http", Kind::Table(&HTTP), bi("batches posted over HTTP", "HTTP 批量上送"))],
    one_of: &[&["http"]],
};

static WEBHOOK: Table = Table {
    name: "webhook",
    head: "[webhook.<id>]",
    doc: bi(
        "Every change of an alarm is posted there as a CloudEvent, as soon as it is on disk. If nothing is taken for five minutes, `webhook.<id>.down` is raised.",
        "每次告警变化落盘后立即以 CloudEvents 格式推送到该网址。连续 5 分钟发不出去时产生告警 `webhook.<id>.down`。",
    ),
    fields: &[
        required("url", Kind::Checked(&HTTP_URL), bi("where to post", "推送网址")),
        optional("credential", CREDENTIAL, bi("credential with the bearer token", "令牌凭据")),
    ],
    one_of: &[],
};

static PUBLISH: Table = Table {
    name: "publish",
    head: "[publish.<id>]",
    doc: bi(
        "Every change of an alarm and of a case is published there as a CloudEvent (QoS 1), as soon as it is on disk. If the broker is away for five minutes, `publish.<id>.down` is raised.",
        "每次告警与案件变化落盘后立即以 CloudEvents 格式发布（QoS 1）。服务器中断 5 分钟时产生告警 `publish.<id>.down`。",
    ),
    fields: &[
        required("url", Kind::Checked(&BROKER_URL), bi("the broker", "服务器")),
        required("topic", Kind::Checked(&TOPIC), bi("the topic of every message", "发布主题")),
        optional("credential", CREDENTIAL, bi("credential `user:password`", "凭据 `用户名:密码`")),
        optional("ca", CREDENTIAL, bi("credential with the CA certificate (PEM)", "CA 证书（PEM）凭据")),
        optional(
            "client_id",
            Kind::Text { max: 128 },
            bi("client id; made from the gateway's id otherwise", "客户端标识；缺省由网关标识生成"),
        ),
        default("what", Kind::Word(PUBLISHED), Scalar::Text("all"), bi("what is published", "发布内容")),
    ],
    one_of: &[],
};

const PUBLISHED: &[(&str, Bi)] = &[
    ("all", bi("every alarm, and the cases", "全部告警与案件")),
    ("cases", bi("cases and their alarms only", "仅案件及其告警")),
];

static HTTP: Table = Table {
    name: "http",
    head: "http",
    doc: bi("Batches posted over HTTP.", "HTTP 批量上送。"),
    fields: &[
        required("url", Kind::Checked(&HTTP_URL), bi("where to post", "上送地址")),
        optional("credential", CREDENTIAL, bi("credential with the bearer token", "令牌凭据")),
        optional("ca", CREDENTIAL, bi("credential with the CA certificate (PEM)", "CA 证书（PEM）凭据")),
        default("compress", Kind::Word(COMPRESS), Scalar::Text("zstd"), bi("compression of the body", "压缩方式")),
    ],
    one_of: &[],
};

const COMPRESS: &[(&str, Bi)] = &[
    ("zstd", bi("smallest", "最小")),
    ("gzip", bi("for receivers that know no zstd", "接收方不支持 zstd 时")),
    ("none", bi("plain", "不压缩")),
];
