//! The fields of a vision profile. Constant data.

use crate::config::notation::POINTER;
use crate::text::field::{Bi, Field, Kind, LINE, Scalar, Table, bi, default, optional, required};

/// A pointer, or several of which the first that leads to something counts.
const POINTERS: Kind = Kind::Either(&[Kind::Checked(&POINTER), Kind::List { of: &Kind::Checked(&POINTER), max: 8 }]);
const POINTER_KIND: Kind = Kind::Checked(&POINTER);

/// Words for kinds of event.
pub const SIGHT_KINDS: &[(&str, Bi)] = &[
    ("falling_object", bi("something falls from a building", "高空抛物")),
    ("ebike_in_lift", bi("an electric bicycle enters a lift", "电动车进电梯")),
    ("fire_lane_blocked", bi("something stands on the fire lane", "消防通道占用")),
    ("perimeter", bi("somebody crosses the perimeter", "周界入侵")),
];

/// The same, and what is none of our business.
const MEANINGS: &[(&str, Bi)] = &[
    ("falling_object", bi("something falls from a building", "高空抛物")),
    ("ebike_in_lift", bi("an electric bicycle enters a lift", "电动车进电梯")),
    ("fire_lane_blocked", bi("something stands on the fire lane", "消防通道占用")),
    ("perimeter", bi("somebody crosses the perimeter", "周界入侵")),
    ("ignore", bi("known, and nothing to us", "已知，忽略")),
];

const ACTIONS: &[(&str, Bi)] =
    &[("pulse", bi("a moment", "瞬时")), ("start", bi("it begins", "开始")), ("stop", bi("it has ended", "结束"))];

const EVIDENCE: &[(&str, Bi)] =
    &[("documented", bi("made from documents", "依据文档")), ("tested", bi("tried on hardware", "已在实物上验证"))];

/// A whole vision profile.
pub static VISION_FILE: Table = Table {
    name: "vision_file",
    head: "the vision profile",
    doc: bi(
        "A vision profile: how a vendor's events are read. A payload of any form is a tree first: JSON as it is; XML with \
         its root element on top, attributes as `@name`; event-stream text (`Code=..;action=..;data={..}`) as an object.",
        "视觉模板：如何读取某厂家的事件。报文先成为一棵树：JSON 照原样；XML 以根元素为顶，属性写作 `@名称`；事件流文本（`Code=..;action=..;data={..}`）成为对象。",
    ),
    fields: &[
        required("profile", Kind::Table(&HEAD), bi("what this is about", "模板说明")),
        required("event", Kind::Table(&EVENT), bi("where the fields are", "字段位置")),
        required(
            "kind",
            Kind::Map { key: bi("the vendor's word", "厂家用词"), of: &Kind::Word(MEANINGS) },
            bi(
                "what the vendor's words for kinds of event mean; others are counted and shown",
                "厂家事件类型用词的含义；未列出的会计数并显示",
            ),
        ),
        optional(
            "action",
            Kind::Map { key: bi("the vendor's word", "厂家用词"), of: &Kind::Word(ACTIONS) },
            bi("the vendor's words for begin and end; anything else is a moment", "厂家开始与结束的用词；其余视为瞬时"),
        ),
        optional(
            "stream",
            Kind::Table(&STREAM),
            bi("the endless event stream the camera serves", "摄像机提供的事件流"),
        ),
        optional("test", Kind::Array(&TEST), bi("golden vectors", "校验向量")),
    ],
    one_of: &[],
};

static HEAD: Table = Table {
    name: "vision_head",
    head: "[profile]",
    doc: bi("What the vision profile is about.", "视觉模板说明。"),
    fields: &[
        required("id", Kind::Id, bi("the file's name without `.toml`", "文件名，不含 `.toml`")),
        required("revision", Kind::Int { min: 1, max: 1_000_000 }, bi("counts up with each change", "每次修改加一")),
        required("name", Kind::Two, bi("name for people", "名称")),
        required("source", Kind::List { of: &LINE, max: 20 }, bi("public sources of the format", "报文格式的公开出处")),
        default(
            "evidence",
            Kind::Word(EVIDENCE),
            Scalar::Text("documented"),
            bi("whether it was tried on hardware", "是否在实物上验证过"),
        ),
        optional("note", Kind::Two, bi("settings of the camera, traps", "摄像机设置、注意事项")),
    ],
    one_of: &[],
};

const fn pointers(key: &'static str, doc: Bi) -> Field {
    optional(key, POINTERS, doc)
}

static EVENT: Table = Table {
    name: "vision_event",
    head: "[event]",
    doc: bi(
        "Where the fields of an event are: a pointer, or a list of which the first that leads to something counts.",
        "事件各字段的位置：一个指针，或一组指针（取第一个有值的）。",
    ),
    fields: &[
        pointers("each", bi("the list of events, if a payload can hold several", "事件列表，若一个报文含多个事件")),
        pointers("id", bi("the event's own id; made from its content otherwise", "事件标识；缺省由内容生成")),
        pointers(
            "time",
            bi(
                "when it happened: RFC 3339, seconds or milliseconds since 1970, or date and time in the site's zone",
                "发生时间：RFC 3339、1970 年起的秒或毫秒，或站点时区的日期时间",
            ),
        ),
        pointers("kind", bi("the vendor's word for the kind", "事件类型")),
        optional(
            "kind_default",
            Kind::Word(SIGHT_KINDS),
            bi("the kind when the payload names none", "报文未注明时的类型"),
        ),
        pointers("action", bi("the vendor's word for begin and end", "开始或结束")),
        pointers(
            "source",
            bi("rule and channel, for people; all that are there are joined", "规则与通道，供查看；有值的都会拼接"),
        ),
        pointers("object", bi("class of the object", "目标类别")),
        pointers("confidence", bi("the vendor's confidence", "置信度")),
        default(
            "confidence_full",
            Kind::Number { min: 1.0, max: 10_000.0 },
            Scalar::Number(1.0),
            bi("what full confidence is: 1 or 100", "置信度满值：1 或 100"),
        ),
        pointers("fps", bi("frames per second", "帧率")),
        pointers("width", bi("width of the picture that coordinates refer to", "坐标所指画面的宽度")),
        pointers("height", bi("its height", "坐标所指画面的高度")),
        pointers("floor", bi("the floor the camera claims", "摄像机给出的楼层")),
        pointers("pictures_follow", bi("how many pictures follow as parts of their own", "后续图片分段的数量")),
        optional("track", Kind::Table(&TRACK), bi("the track", "轨迹")),
        optional("box", Kind::Table(&TRACK), bi("the object's box, when there is no track", "无轨迹时的目标框")),
        optional("footage", Kind::Array(&FOOTAGE), bi("pictures and clips", "图片与录像")),
    ],
    one_of: &[],
};

const SHAPES: &[(&str, Bi)] = &[
    ("centre", bi("`x`, `y` are the centre, `w`, `h` the size", "`x`、`y` 为中心，`w`、`h` 为宽高")),
    ("corner", bi("`x`, `y` are the upper left corner, `w`, `h` the size", "`x`、`y` 为左上角，`w`、`h` 为宽高")),
    ("corners", bi("`x`, `y` and `w`, `h` are two opposite corners", "`x`、`y` 与 `w`、`h` 为对角两点")),
];

static TRACK: Table = Table {
    name: "vision_track",
    head: "track, box",
    doc: bi(
        "A list of points or boxes. A list without times is kept as its first box only.",
        "点或框的列表。没有时间的列表只保留第一个框。",
    ),
    fields: &[
        required("at", POINTERS, bi("the list, or a single one", "列表，或单个")),
        optional("t", POINTER_KIND, bi("time, relative to a point", "时间，相对于点")),
        default(
            "t_unit",
            Kind::Number { min: 1e-6, max: 1.0 },
            Scalar::Number(1.0),
            bi(
                "seconds in one unit of `t`: 0.001 for milliseconds, 0.04 for frames at 25 a second",
                "`t` 的单位，秒：毫秒为 0.001，25 帧每秒的帧号为 0.04",
            ),
        ),
        required("x", POINTER_KIND, bi("column, relative to a point", "列，相对于点")),
        required("y", POINTER_KIND, bi("row", "行")),
        optional("w", POINTER_KIND, bi("width, or the opposite corner's column", "宽，或对角点的列")),
        optional("h", POINTER_KIND, bi("height, or the opposite corner's row", "高，或对角点的行")),
        default("shape", Kind::Word(SHAPES), Scalar::Text("centre"), bi("what the four say", "四个值的含义")),
        optional(
            "full",
            Kind::Number { min: 1.0, max: 100_000.0 },
            bi(
                "the coordinate at the picture's far edge: 1, 1000, 8192; pixels if left out",
                "画面远端的坐标值：1、1000、8192；缺省为像素",
            ),
        ),
        default("from_bottom", Kind::Bool, Scalar::Bool(false), bi("rows count from the bottom", "行自下而上计数")),
    ],
    one_of: &[],
};

const FOOTAGE_KINDS: &[(&str, Bi)] = &[
    ("picture", bi("the address of a picture", "图片地址")),
    ("clip", bi("the address of a clip", "录像地址")),
    ("inline", bi("the picture itself in base64", "base64 图片内容")),
];

static FOOTAGE: Table = Table {
    name: "vision_footage",
    head: "footage",
    doc: bi("A picture or clip; a list of them is taken, too.", "图片或录像；也可为列表。"),
    fields: &[
        required("at", POINTERS, bi("where it is", "位置")),
        default("what", Kind::Word(FOOTAGE_KINDS), Scalar::Text("picture"), bi("what stands there", "内容")),
    ],
    one_of: &[],
};

static STREAM: Table = Table {
    name: "vision_stream",
    head: "[stream]",
    doc: bi("The endless multipart stream of events that the camera serves.", "摄像机提供的 multipart 事件流。"),
    fields: &[
        required("path", Kind::Text { max: 512 }, bi("path and query", "路径与查询串")),
        optional(
            "heartbeats",
            Kind::List { of: &LINE, max: 8 },
            bi("a part that starts with one of these is only a sign of life", "以这些内容开头的分段只是心跳"),
        ),
    ],
    one_of: &[],
};

static TEST: Table = Table {
    name: "vision_test",
    head: "[[test]]",
    doc: bi("A payload and what must come of it.", "报文及其应得结果。"),
    fields: &[
        required("payload", Kind::Text { max: 65_536 }, bi("as it comes from the camera", "摄像机发来的原文")),
        optional(
            "frame",
            Kind::List { of: &Kind::Int { min: 16, max: 16_384 }, max: 2 },
            bi("width and height that the site configured", "站点配置的画面宽高"),
        ),
        default(
            "event",
            Kind::Int { min: 0, max: 31 },
            Scalar::Int(0),
            bi("which of the payload's events", "报文中的第几个事件"),
        ),
        required(
            "outcome",
            LINE,
            bi(
                "`falling_object`, .., `ignore`, `unknown:<word>`, or `refused:<why>`",
                "`falling_object` 等、`ignore`、`unknown:<词>` 或 `refused:<原因>`",
            ),
        ),
        optional(
            "expect",
            Kind::Map { key: bi("fact", "字段"), of: &Kind::Text { max: 2048 } },
            bi(
                "facts that must hold: event_id, time, action, source, object, confidence, floor, fps, frame, points, first, last, footage",
                "应成立的字段：event_id、time、action、source、object、confidence、floor、fps、frame、points、first、last、footage",
            ),
        ),
    ],
    one_of: &[],
};
