//! The fields of a profile file. Constant data.

use crate::config::fields::condition::{CONDITION_FIELDS, CONDITIONS};
use crate::config::fields::health::HEALTH;
use crate::config::notation::{ADDRESS, ORDER, PERCENT, POINTER, PROFILE, TOPIC_TAIL, WIRE};
use crate::text::field::{
    ANY_DURATION, ANY_NUMBER, Bi, Field, Kind, LINE, Scalar, Table, bi, default, optional, required,
};

/// Kinds of device.
pub const KINDS: &[(&str, Bi)] = &[
    ("pump", bi("pump", "水泵")),
    ("lift", bi("lift", "电梯")),
    ("smoke", bi("smoke sensor", "烟感")),
    ("gate", bi("access gate", "门禁道闸")),
    ("fire", bi("fire panel", "消防主机")),
    ("meter", bi("meter", "计量表")),
    ("env", bi("environment", "环境")),
    ("level", bi("level", "液位")),
    ("relay", bi("relay board", "继电器")),
    ("vibration", bi("vibration", "振动")),
];

const EVERY: Kind = Kind::Duration { min_ms: 50, max_ms: 86_400_000 };

/// A whole profile file.
pub static PROFILE_FILE: Table = Table {
    name: "profile_file",
    head: "the profile file",
    doc: bi(
        "A device profile: points, alarms and texts of one kind of device.",
        "设备模板：一类设备的测点、告警与说明。",
    ),
    fields: &[
        required("profile", Kind::Table(&HEAD), bi("what this is about", "模板说明")),
        optional("modbus", Kind::Table(&MODBUS), bi("what the Modbus side can take", "Modbus 读取限制")),
        optional("mqtt", Kind::Table(&MQTT), bi("how messages are found and read", "MQTT 报文约定")),
        optional("param", Kind::Tables(&PARAM), bi("settings a site can give with `set`", "站点可用 `set` 给出的参数")),
        required("point", Kind::Tables(&POINT), bi("the points", "测点")),
        optional("alarm", Kind::Tables(&ALARM), bi("the alarms", "告警")),
        optional("health", Kind::Table(&HEALTH), bi("what counts for the health record", "设备健康档案的计数与保养")),
        optional(
            "test",
            Kind::Array(&TEST),
            bi("golden vectors: `gatehouse profile test`", "校验向量：`gatehouse profile test`"),
        ),
    ],
    one_of: &[],
};

static HEAD: Table = Table {
    name: "profile",
    head: "[profile]",
    doc: bi("What the profile is about.", "模板说明。"),
    fields: &[
        required(
            "id",
            Kind::Checked(&PROFILE),
            bi("the path below the profiles folder, without `.toml`", "模板目录下的路径，不含 `.toml`"),
        ),
        required("revision", Kind::Int { min: 1, max: 1_000_000 }, bi("counts up with each change", "每次修改加一")),
        required("kind", Kind::Word(KINDS), bi("kind of device", "设备类别")),
        required("name", Kind::Two, bi("name for people", "名称")),
        required(
            "source",
            Kind::List { of: &LINE, max: 20 },
            bi("public sources of the register map or message format", "寄存器表或报文格式的公开出处"),
        ),
        default(
            "evidence",
            Kind::Word(EVIDENCE),
            Scalar::Text("documented"),
            bi("whether it was tried on hardware", "是否在实物上验证过"),
        ),
        optional("note", Kind::Two, bi("wiring, switches, traps", "接线、拨码、注意事项")),
        default(
            "read_only",
            Kind::Bool,
            Scalar::Bool(false),
            bi("nothing of this device may ever be written", "任何情况下都不得写入该设备"),
        ),
    ],
    one_of: &[],
};

const EVIDENCE: &[(&str, Bi)] =
    &[("documented", bi("made from documents", "依据文档")), ("tested", bi("tried on hardware", "已在实物上验证"))];

static MODBUS: Table = Table {
    name: "modbus",
    head: "[modbus]",
    doc: bi("What the device's Modbus side can take.", "设备 Modbus 侧的限制。"),
    fields: &[
        default(
            "registers_max",
            Kind::Int { min: 1, max: 125 },
            Scalar::Int(125),
            bi("most registers in one request", "单次最多寄存器数"),
        ),
        default(
            "bits_max",
            Kind::Int { min: 1, max: 2000 },
            Scalar::Int(2000),
            bi("most bits in one request", "单次最多位数"),
        ),
        default(
            "gap_max",
            Kind::Int { min: 0, max: 124 },
            Scalar::Int(8),
            bi("unused registers read along to save a request; 0 forbids it", "为合并请求可多读的寄存器数；0 表示禁止"),
        ),
        default(
            "pause",
            Kind::Duration { min_ms: 0, max_ms: 10_000 },
            Scalar::Text("0ms"),
            bi("pause between an answer and the next request", "应答与下一请求之间的间隔"),
        ),
    ],
    one_of: &[],
};

static MQTT: Table = Table {
    name: "mqtt",
    head: "[mqtt]",
    doc: bi("How messages of the device are found and read.", "设备报文的查找与解析。"),
    fields: &[
        optional(
            "topics",
            Kind::List { of: &Kind::Checked(&TOPIC_TAIL), max: 16 },
            bi(
                "topic filters relative to the device's topic; the topic itself (`\"\"`) when left out",
                "相对设备主题的过滤器；缺省为主题本身（`\"\"`）",
            ),
        ),
        optional(
            "time",
            Kind::Checked(&POINTER),
            bi("JSON pointer to the device's own time stamp", "设备时间戳的 JSON 指针"),
        ),
        default(
            "time_format",
            Kind::Word(TIME_FORMATS),
            Scalar::Text("rfc3339"),
            bi("how that time stamp is written", "时间戳格式"),
        ),
        optional(
            "dedup",
            Kind::Checked(&POINTER),
            bi("JSON pointer whose value is new in each message", "每条报文都不同的字段，用于去重"),
        ),
        optional(
            "availability",
            Kind::Table(&AVAILABILITY),
            bi("the topic that says whether the device is there", "设备在线状态主题"),
        ),
    ],
    one_of: &[],
};

const TIME_FORMATS: &[(&str, Bi)] = &[
    ("rfc3339", bi("`2026-11-22T08:00:00+08:00`", "`2026-11-22T08:00:00+08:00`")),
    ("unix_s", bi("seconds since 1970", "1970 年起的秒数")),
    ("unix_ms", bi("milliseconds since 1970", "1970 年起的毫秒数")),
];

static AVAILABILITY: Table = Table {
    name: "availability",
    head: "availability",
    doc: bi("A topic that says whether the device is there.", "设备在线状态。"),
    fields: &[
        required("topic", Kind::Checked(&TOPIC_TAIL), bi("relative to the device's topic", "相对设备主题")),
        default(
            "json",
            Kind::Checked(&POINTER),
            Scalar::Text(""),
            bi("JSON pointer; empty for the bare payload", "JSON 指针；空表示整个报文"),
        ),
        default("online", LINE, Scalar::Text("online"), bi("what means present", "表示在线的内容")),
        default("offline", LINE, Scalar::Text("offline"), bi("what means gone", "表示离线的内容")),
    ],
    one_of: &[],
};

static PARAM: Table = Table {
    name: "param",
    head: "[param.<id>]",
    doc: bi(
        "A setting that a site gives with `set = { <id> = 1.0 }`; usable in alarms and expressions.",
        "站点用 `set = { <标识> = 1.0 }` 给出的参数；可用于告警和表达式。",
    ),
    fields: &[
        required("name", Kind::Two, bi("what it is", "含义")),
        optional("unit", Kind::Unit, bi("unit", "单位")),
        required("default", ANY_NUMBER, bi("value unless the site says otherwise", "缺省值")),
        optional("range", Kind::Range, bi("accepted values", "允许范围")),
        optional("by", Kind::Id, bi("another parameter that decides the default", "由另一参数决定缺省值")),
        optional(
            "defaults",
            Kind::Map { key: bi("value of that parameter", "该参数的值"), of: &ANY_NUMBER },
            bi(
                "the default for each of its values: `{ 1 = 1.8, 2 = 2.8 }`",
                "其各值对应的缺省值：`{ 1 = 1.8, 2 = 2.8 }`",
            ),
        ),
    ],
    one_of: &[],
};

/// A point; also the keys that a site may change with `points.<id>.<key>`.
pub static POINT: Table = Table {
    name: "point",
    head: "[point.<id>]",
    doc: bi(
        "A point: one register, message field or expression becomes one value.",
        "测点：一个寄存器、报文字段或表达式得出一个值。",
    ),
    fields: &POINT_FIELDS,
    one_of: &[&["read", "json", "derive"]],
};

const NUMBERS: Kind = Kind::Either(&[ANY_NUMBER, Kind::List { of: &ANY_NUMBER, max: 32 }]);

const POINT_FIELDS: [Field; 24] = [
    required("name", Kind::Two, bi("name for people", "名称")),
    optional("read", Kind::Checked(&ADDRESS), bi("Modbus register or bit, 0-based", "Modbus 寄存器或位，从 0 开始")),
    optional(
        "json",
        Kind::Checked(&POINTER),
        bi("JSON pointer into the message; empty for the bare payload", "报文的 JSON 指针；空表示整个报文"),
    ),
    optional(
        "derive",
        Kind::Text { max: 2000 },
        bi("CEL expression over points and parameters of the device", "由本设备测点和参数计算的 CEL 表达式"),
    ),
    optional(
        "type",
        Kind::Checked(&WIRE),
        bi(
            "type on the wire: `u16` unless said otherwise, `bit` for coils and discrete inputs",
            "数据类型：寄存器缺省 `u16`，线圈与离散输入为 `bit`",
        ),
    ),
    optional("order", Kind::Checked(&ORDER), bi("byte order, `ABCD` unless said otherwise", "字节序，缺省 `ABCD`")),
    optional(
        "kind",
        Kind::Word(POINT_KINDS),
        bi("what the value is, where type, labels and words do not say", "值的性质；通常由类型、labels、words 推断"),
    ),
    optional("unit", Kind::Unit, bi("unit of the engineering value", "工程值单位")),
    default(
        "scale",
        ANY_NUMBER,
        Scalar::Number(1.0),
        bi("engineering value = raw × scale + offset", "工程值 = 原始值 × scale + offset"),
    ),
    default("offset", ANY_NUMBER, Scalar::Number(0.0), bi("see `scale`", "见 `scale`")),
    optional("scale_from", Kind::Table(&SCALE_FROM), bi("another point holds the scale", "由另一测点给出倍率")),
    optional("unit_from", Kind::Table(&UNIT_FROM), bi("another point holds a unit code", "由另一测点给出单位代码")),
    optional(
        "negative_from",
        ANY_NUMBER,
        bi("raw values from here up are negative: this minus raw", "原始值不小于此数时为负：此数减原始值"),
    ),
    optional(
        "valid",
        Kind::Range,
        bi("engineering values outside are of bad quality (not an alarm)", "工程值超出此范围则质量为坏（不是告警）"),
    ),
    optional("sentinel", NUMBERS, bi("raw values that mean \"not available\"", "表示“无数据”的原始值")),
    default("invert", Kind::Bool, Scalar::Bool(false), bi("0 and 1 are exchanged on the wire", "0 与 1 反相")),
    optional(
        "deadband",
        Kind::Either(&[Kind::Number { min: 0.0, max: f64::MAX }, Kind::Checked(&PERCENT)]),
        bi(
            "smaller changes are not passed on: a number, or `\"2%\"` of `valid`",
            "小于此值的变化不上报：数，或 `valid` 的 `\"2%\"`",
        ),
    ),
    optional("every", EVERY, bi("scan period; the line's otherwise", "采集周期；缺省取线路的")),
    optional("stale_after", ANY_DURATION, bi("longest silence before the value is stale", "多久没有新值即为过期")),
    optional(
        "counter",
        Kind::Either(&[Kind::Bool, Kind::Number { min: 0.0, max: f64::MAX }]),
        bi(
            "a total that only grows; a number says where the raw value starts again at 0",
            "只增不减的累计值；写数则为原始值回零处",
        ),
    ),
    optional(
        "labels",
        Kind::Map { key: bi("value", "值"), of: &Kind::Two },
        bi("words for values: `{ 0 = \"stopped\", 1 = \"running\" }`", "值的含义：`{ 0 = \"停止\", 1 = \"运行\" }`"),
    ),
    optional(
        "write",
        Kind::Range,
        bi("permitted writes, least and greatest engineering value", "允许写入的工程值范围"),
    ),
    optional(
        "topic",
        Kind::Int { min: 0, max: 15 },
        bi("position in `mqtt.topics`; any when left out", "在 `mqtt.topics` 中的序号；缺省为任意"),
    ),
    optional(
        "words",
        Kind::Map { key: bi("word in the message", "报文中的词"), of: &ANY_NUMBER },
        bi("words to numbers: `{ ON = 1, OFF = 0 }`", "词到数：`{ ON = 1, OFF = 0 }`"),
    ),
];

const POINT_KINDS: &[(&str, Bi)] = &[
    ("number", bi("a measured quantity", "量值")),
    ("switch", bi("0 or 1", "开关量")),
    ("enumeration", bi("a whole number with labels", "枚举")),
    ("text", bi("words", "文本")),
];

static SCALE_FROM: Table = Table {
    name: "scale_from",
    head: "scale_from",
    doc: bi("Another point of the device holds the scale.", "由本设备另一测点给出倍率。"),
    fields: &[
        required("point", Kind::Id, bi("that point", "该测点")),
        default("as", Kind::Word(SCALE_AS), Scalar::Text("power_of_ten"), bi("what it holds", "其含义")),
    ],
    one_of: &[],
};

const SCALE_AS: &[(&str, Bi)] = &[
    ("power_of_ten", bi("a signed power of ten", "10 的幂（有符号）")),
    ("factor", bi("the factor itself", "倍率本身")),
];

static UNIT_FROM: Table = Table {
    name: "unit_from",
    head: "unit_from",
    doc: bi(
        "Another point holds a unit code; the factor brings each into `unit`.",
        "由另一测点给出单位代码；系数将其换算到 `unit`。",
    ),
    fields: &[
        required("point", Kind::Id, bi("that point", "该测点")),
        required(
            "factors",
            Kind::Map { key: bi("unit code", "单位代码"), of: &ANY_NUMBER },
            bi("`{ 0 = 1.0, 1 = 1000.0 }`", "`{ 0 = 1.0, 1 = 1000.0 }`"),
        ),
    ],
    one_of: &[],
};

/// An alarm of a profile.
pub static ALARM: Table = Table {
    name: "alarm",
    head: "[alarm.<id>]",
    doc: bi("An alarm that every device of this profile brings.", "此模板的每台设备自带的告警。"),
    fields: &CONDITION_FIELDS,
    one_of: &[CONDITIONS],
};

static TEST: Table = Table {
    name: "test",
    head: "[[test]]",
    doc: bi("A golden vector: what the wire says, and what must come of it.", "校验向量：线上的数据与应得的结果。"),
    fields: &[
        optional(
            "registers",
            Kind::Map {
                key: bi("address", "地址"),
                of: &Kind::List { of: &Kind::Int { min: 0, max: 65535 }, max: 2000 },
            },
            bi("registers (or bits as 0/1) from an address on", "从某地址起的寄存器（或 0/1 位）"),
        ),
        optional("messages", Kind::Array(&MESSAGE), bi("messages in order", "依次到达的报文")),
        optional(
            "set",
            Kind::Map { key: bi("parameter", "参数"), of: &ANY_NUMBER },
            bi("parameter values used", "所用参数值"),
        ),
        required(
            "expect",
            Kind::Map { key: bi("point", "测点"), of: &EXPECTED },
            bi(
                "expected values: a number, a text, or `{ bad = \"bad_sentinel\" }`",
                "期望值：数、文本或 `{ bad = \"bad_sentinel\" }`",
            ),
        ),
        optional(
            "alarms",
            Kind::List { of: &Kind::Id, max: 64 },
            bi("alarm conditions that must be true (on-delay ignored)", "应当成立的告警条件（不计延时）"),
        ),
    ],
    one_of: &[],
};

const EXPECTED: Kind = Kind::Either(&[ANY_NUMBER, Kind::Bool, Kind::Text { max: 500 }, Kind::Table(&BAD)]);

static BAD: Table = Table {
    name: "bad",
    head: "{ bad = .. }",
    doc: bi("The value must be of this bad quality.", "值的质量应为此种坏值。"),
    fields: &[required("bad", LINE, bi("quality word", "质量词"))],
    one_of: &[],
};

static MESSAGE: Table = Table {
    name: "message",
    head: "messages",
    doc: bi("A message.", "一条报文。"),
    fields: &[
        default(
            "topic",
            Kind::Text { max: 512 },
            Scalar::Text(""),
            bi("relative to the device's topic", "相对设备主题"),
        ),
        required("payload", Kind::Text { max: 65_536 }, bi("the payload", "报文内容")),
    ],
    one_of: &[],
};
