//! Conditions and alarm texts, shared by profile alarms and site rules. Constant data.

use crate::config::fields::{LEVELS, WINDOW};
use crate::text::field::{
    ANY_DURATION, ANY_NUMBER, Bi, Field, Kind, LINE, Scalar, Table, bi, default, optional, required,
};

/// A number, or the name of a parameter of the profile.
pub(crate) const SETTING: Kind = Kind::Either(&[ANY_NUMBER, Kind::Id]);
const POINT: Field = required(
    "point",
    LINE,
    bi(
        "the point: `pressure` in a profile, `device.point` in a site rule",
        "测点：模板中写 `pressure`，站点规则中写 `设备.测点`",
    ),
);
/// Longest expression, in characters.
const EXPRESSION: Kind = Kind::Text { max: 2000 };

static LIMIT: Table = Table {
    name: "limit",
    head: "limit",
    doc: bi("One limit on one point.", "单个测点的越限条件。"),
    fields: &[
        POINT,
        optional(
            "above",
            SETTING,
            bi("true above this value (a number or a parameter)", "高于此值时成立（数或参数名）"),
        ),
        optional(
            "below",
            SETTING,
            bi("true below this value (a number or a parameter)", "低于此值时成立（数或参数名）"),
        ),
        default(
            "hysteresis",
            SETTING,
            Scalar::Number(0.0),
            bi("how far the value must come back to clear", "恢复时须回落的幅度（回差）"),
        ),
    ],
    one_of: &[&["above", "below"]],
};

static STATE: Table = Table {
    name: "state",
    head: "state",
    doc: bi("The point has one of these values.", "测点等于列出的值之一。"),
    fields: &[
        POINT,
        required(
            "is",
            Kind::Either(&[
                ANY_NUMBER,
                Kind::Bool,
                Kind::List { of: &Kind::Either(&[ANY_NUMBER, Kind::Bool]), max: 64 },
            ]),
            bi("a value or a list of values; true is 1", "一个值或多个值；true 为 1"),
        ),
    ],
    one_of: &[],
};

static RATE: Table = Table {
    name: "rate",
    head: "rate",
    doc: bi(
        "The point changes too fast, units per minute, by least squares over the window.",
        "测点变化过快（每分钟），按窗口内最小二乘计算。",
    ),
    fields: &[
        POINT,
        optional("above", SETTING, bi("true when rising faster than this per minute", "每分钟上升快于此值时成立")),
        optional(
            "below",
            SETTING,
            bi("true when falling faster than this (negative) per minute", "每分钟下降快于此值（负数）时成立"),
        ),
        required("window", WINDOW, bi("length of time looked at", "统计窗口")),
    ],
    one_of: &[&["above", "below"]],
};

static COUNT: Table = Table {
    name: "count",
    head: "count",
    doc: bi("The point switches on (or a number changes) too often.", "测点在窗口内动作（或数值变化）过于频繁。"),
    fields: &[
        POINT,
        required("count", SETTING, bi("how many times at least", "至少多少次")),
        required("window", WINDOW, bi("within how long", "时间窗口")),
    ],
    one_of: &[],
};

static ABSENCE: Table = Table {
    name: "absence",
    head: "absence",
    doc: bi("No good value of the point for so long.", "测点长时间没有有效值。"),
    fields: &[POINT, required("after", WINDOW, bi("how long", "多长时间"))],
    one_of: &[],
};

/// Time with good values before a detector judges.
const LEARN: Kind = ANY_DURATION;

static TREND: Table = Table {
    name: "trend",
    head: "trend",
    doc: bi(
        "The point will reach a limit within a time, by the way it grows. Told with the time left and its band.",
        "按变化趋势，测点将在一定时间内到达限值。告警附剩余时间及其范围。",
    ),
    fields: &[
        POINT,
        optional("above", SETTING, bi("the upper limit (a number or a parameter)", "上限（数或参数名）")),
        optional("below", SETTING, bi("the lower limit (a number or a parameter)", "下限（数或参数名）")),
        required("within", WINDOW, bi("how far ahead a crossing counts", "提前多久预告")),
        default("learn", LEARN, Scalar::Text("1h"), bi("time seen before it judges", "学习多久后开始判断")),
    ],
    one_of: &[&["above", "below"]],
};

static ANOMALY: Table = Table {
    name: "anomaly",
    head: "anomaly",
    doc: bi(
        "The point behaves unlike itself at this hour of the week. Its limit is learnt, nothing is to be set.",
        "测点与自身同一时段的习惯不符。界限自动学习，无须设定。",
    ),
    fields: &[
        POINT,
        default(
            "every",
            ANY_DURATION,
            Scalar::Text("1m"),
            bi("means over so long are looked at; 0s looks at every reading", "按此时长的均值判断；0s 为逐个读数"),
        ),
        default("learn", LEARN, Scalar::Text("14d"), bi("time seen before it judges", "学习多久后开始判断")),
    ],
    one_of: &[],
};

static DEVICE_ANOMALY: Table = Table {
    name: "device_anomaly",
    head: "device_anomaly",
    doc: bi(
        "Several points together behave unlike before; the alarm names the suspects.",
        "多个测点合起来与以往不符；告警指出可疑测点。",
    ),
    fields: &[
        required(
            "points",
            Kind::List { of: &LINE, max: POINTS_MAX },
            bi("two points or more of one device", "同一设备的两个或更多测点"),
        ),
        default("every", WINDOW, Scalar::Text("10s"), bi("a snapshot is taken so often", "多久取样一次")),
        default("learn", LEARN, Scalar::Text("1d"), bi("time seen before it judges", "学习多久后开始判断")),
    ],
    one_of: &[],
};

static BASELINE: Table = Table {
    name: "baseline",
    head: "baseline",
    doc: bi(
        "A finished day's use against the same weekday of the last four weeks, or the night's least flow against 28 nights.",
        "当日用量与近四周同一星期几比较，或夜间最小流量与近 28 夜比较。",
    ),
    fields: &[
        POINT,
        default(
            "of",
            Kind::Word(BASELINES),
            Scalar::Text("day"),
            bi("the day's use or the night's least flow", "日用量或夜间最小流量"),
        ),
        default(
            "deviation",
            SETTING,
            Scalar::Number(0.15),
            bi(
                "share of the usual that is too much; a night counts upward only",
                "允许偏差（占平常值的比例）；夜间只看偏高",
            ),
        ),
    ],
    one_of: &[],
};
const BASELINES: &[(&str, Bi)] = &[
    ("day", bi("use of the finished day", "当日用量")),
    ("night", bi("least flow between 2 and 5 o'clock", "2 至 5 点最小流量")),
];

static CHANGE: Table = Table {
    name: "change",
    head: "change",
    doc: bi(
        "The point has just changed its ways; lively, for hints and trial.",
        "测点刚刚发生变化；较灵敏，宜作提示或试运行。",
    ),
    fields: &[
        POINT,
        default("learn", LEARN, Scalar::Text("1h"), bi("time seen before it judges", "学习多久后开始判断")),
    ],
    one_of: &[],
};

static PEER: Table = Table {
    name: "peer",
    head: "peer",
    doc: bi(
        "The point stands apart from the same quantity of devices of the same kind. For site rules.",
        "测点与同类设备的同一量值明显不同。用于站点规则。",
    ),
    fields: &[
        POINT,
        required("peers", Kind::List { of: &LINE, max: POINTS_MAX }, bi("three others or more", "三个或更多对比测点")),
        default(
            "deviations",
            SETTING,
            Scalar::Number(5.0),
            bi("distance from their median in robust spreads", "与中位数的距离（稳健标准差的倍数）"),
        ),
    ],
    one_of: &[],
};

/// Points of one device that are looked at together.
const POINTS_MAX: usize = 64;

/// Keys of a profile alarm and of a site rule: exactly one of [`CONDITIONS`], and the texts.
pub const CONDITION_FIELDS: [Field; 21] = [
    optional("limit", Kind::Table(&LIMIT), bi("one limit on one point", "单个测点越限")),
    optional("state", Kind::Table(&STATE), bi("the point has a certain value", "测点处于某个值")),
    optional("rate", Kind::Table(&RATE), bi("the point changes too fast", "测点变化过快")),
    optional("count", Kind::Table(&COUNT), bi("the point switches too often", "测点动作过频")),
    optional("absence", Kind::Table(&ABSENCE), bi("the point has not been heard of", "测点长时间无值")),
    optional("trend", Kind::Table(&TREND), bi("the point will reach a limit", "测点将到达限值")),
    optional("anomaly", Kind::Table(&ANOMALY), bi("the point is unlike itself", "测点异于自身习惯")),
    optional(
        "device_anomaly",
        Kind::Table(&DEVICE_ANOMALY),
        bi("several points are unlike before", "多个测点异于以往"),
    ),
    optional("baseline", Kind::Table(&BASELINE), bi("a day or night is off its baseline", "日或夜偏离基线")),
    optional("change", Kind::Table(&CHANGE), bi("the point has just changed", "测点刚发生变化")),
    optional("peer", Kind::Table(&PEER), bi("the point differs from its peers", "测点异于同类")),
    optional(
        "when",
        EXPRESSION,
        bi(
            "a CEL expression that must be true; unknown input makes it unknown, not false",
            "CEL 表达式；输入未知则结果未知，不算假",
        ),
    ),
    default(
        "for",
        ANY_DURATION,
        Scalar::Text("0s"),
        bi("how long it must hold (on-delay)", "须持续多久才告警（动作延时）"),
    ),
    default(
        "off_delay",
        ANY_DURATION,
        Scalar::Text("0s"),
        bi("how long it must be gone (off-delay)", "须消失多久才恢复（返回延时）"),
    ),
    required("level", Kind::Word(LEVELS), bi("how bad", "级别")),
    default(
        "latched",
        Kind::Bool,
        Scalar::Bool(false),
        bi("stays until a person resets it", "条件消失后仍保持，须人工复位"),
    ),
    default(
        "shadow",
        Kind::Bool,
        Scalar::Bool(false),
        bi(
            "on trial: what it would have raised goes to the journal, nobody is told",
            "试运行：只记入日志，不通知任何人",
        ),
    ),
    required("title", Kind::Two, bi("what happened, in one line", "发生了什么，一行")),
    optional("cause", Kind::Two, bi("likely cause", "可能原因")),
    optional("harm", Kind::Two, bi("what happens if it is ignored", "不处理的后果")),
    optional("action", Kind::TwoList, bi("what to do, step by step", "处置步骤")),
];

/// Exactly one of these makes the condition.
pub const CONDITIONS: &[&str] = &[
    "limit",
    "state",
    "rate",
    "count",
    "absence",
    "trend",
    "anomaly",
    "device_anomaly",
    "baseline",
    "change",
    "peer",
    "when",
];
