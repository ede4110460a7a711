//! The fields of `[vision]`, `[facade.*]` and `[camera.*]`. Constant data.

use crate::config::fields::CREDENTIAL;
use crate::config::notation::{BIND, HTTP_URL, TOPIC};
use crate::text::field::{ANY_NUMBER, Field, Kind, LINE, Scalar, Table, bi, default, optional, required};

/// Pixels of a picture's side.
const SIDE: Kind = Kind::Int { min: 16, max: 16_384 };
/// A place in a picture; it may lie outside.
const PIXEL: Kind = Kind::Number { min: -100_000.0, max: 100_000.0 };
const HEIGHT_M: Kind = Kind::Number { min: -100.0, max: 1_000.0 };
const PLACE: Kind = Kind::List { of: &PIXEL, max: 2 };

/// `[vision]`
pub(super) static VISION: Table = Table {
    name: "vision",
    head: "[vision]",
    doc: bi(
        "The listener to which cameras post their events (`POST /vision/<camera>`). Put it on the cameras' own network.",
        "接收摄像机推送事件的监听（`POST /vision/<摄像机>`）。请放在摄像机专网上。",
    ),
    fields: &[
        required("bind", Kind::Checked(&BIND), bi("where to listen", "监听地址")),
        default(
            "tls",
            Kind::Bool,
            Scalar::Bool(false),
            bi(
                "TLS with the credentials `vision_cert` and `vision_key`",
                "TLS，使用凭据 `vision_cert` 与 `vision_key`",
            ),
        ),
        default(
            "max_body",
            Kind::Size { min: 64 << 10, max: 32 << 20 },
            Scalar::Text("8MiB"),
            bi("largest event with its pictures", "单个事件（含图片）的上限"),
        ),
    ],
    one_of: &[],
};

/// `[facade.<id>]`
pub(super) static FACADE: Table = Table {
    name: "facade",
    head: "[facade.<id>]",
    doc: bi("A face of a building that cameras look at.", "摄像机所对的楼体立面。"),
    fields: &[
        required("name", LINE, bi("name for people", "名称")),
        required(
            "storeys",
            Kind::Int { min: 1, max: 200 },
            bi("number of storeys; floor 1 is on the ground", "层数；1 层在地面"),
        ),
        default(
            "storey_m",
            Kind::Number { min: 2.0, max: 10.0 },
            Scalar::Number(3.0),
            bi("height of a usual storey, metres", "标准层高，米"),
        ),
        optional(
            "floor_base_m",
            Kind::List { of: &HEIGHT_M, max: 200 },
            bi(
                "height of each floor's base above the ground, metres, floor 1 first; wins over `storey_m`",
                "各层地面距地高度（米），从 1 层起；优先于 `storey_m`",
            ),
        ),
        optional("width_m", Kind::Number { min: 0.0, max: 1_000.0 }, bi("width, metres", "宽度，米")),
    ],
    one_of: &[],
};

/// The ways of a camera's events.
const WAYS: &[&str] = &["push", "stream", "mqtt"];

/// `[camera.<id>]`
pub(super) static CAMERA: Table = Table {
    name: "camera",
    head: "[camera.<id>]",
    doc: bi("A camera (or a channel of a recorder) that reports events.", "上报事件的摄像机（或录像机通道）。"),
    fields: &[
        required("name", LINE, bi("name for people", "名称")),
        required("at", LINE, bi("place as a path", "位置路径")),
        optional(
            "serial",
            Kind::Text { max: 64 },
            bi("serial number on its plate; goes into the evidence", "铭牌上的序列号，写入证据清单"),
        ),
        required("profile", Kind::Id, bi("its vision profile", "视觉模板")),
        optional("push", Kind::Table(&PUSH), bi("it posts its events to our listener", "由摄像机推送到本机监听")),
        optional("stream", Kind::Table(&STREAM), bi("we read its endless event stream", "由本机读取其事件流")),
        optional(
            "mqtt",
            Kind::Table(&MQTT),
            bi("it publishes to an `mqtt` or `mqtt_listen` line", "发布到 `mqtt` 或 `mqtt_listen` 线路"),
        ),
        optional(
            "silent_after",
            Kind::Duration { min_ms: 60_000, max_ms: 31 * 86_400_000 },
            bi(
                "an alarm when nothing came from it for so long; for cameras that send signs of life, or often. Three or more of one line or network (`10.0.9.*`) that fall silent within five minutes are one alarm",
                "多久没有任何消息即告警；用于有心跳或事件频繁的摄像机。同一线路或网段（`10.0.9.*`）的三台及以上在五分钟内失联时合为一条告警",
            ),
        ),
        optional(
            "fetch",
            Kind::Table(&FETCH),
            bi("where its pictures and clips may be fetched", "可从何处取回图片与录像"),
        ),
        optional(
            "facade",
            Kind::Id,
            bi("the facade it looks at; needed to judge falling objects", "所对立面；研判高空抛物所需"),
        ),
        optional("fps", Kind::Number { min: 1.0, max: 240.0 }, bi("frames per second", "帧率")),
        optional("width", SIDE, bi("width of its picture, pixels", "画面宽度，像素")),
        optional("height", SIDE, bi("height of its picture, pixels", "画面高度，像素")),
        optional("mount", Kind::Table(&MOUNT), bi("where it stands", "安装位置")),
        optional(
            "reference_rows",
            Kind::Array(&REFERENCE),
            bi(
                "known points of the facade in its picture, at least 3; `gatehouse camera check` tells how well they fit",
                "立面上已知点在画面中的位置，至少 3 个；用 `gatehouse camera check` 查看吻合程度",
            ),
        ),
        default(
            "reference_error_m",
            Kind::Number { min: 0.001, max: 10.0 },
            Scalar::Number(0.1),
            bi("standard error of the stated heights, metres", "所填高度的标准误差，米"),
        ),
        optional("k1", Kind::Number { min: -10.0, max: 10.0 }, bi("radial lens distortion", "镜头径向畸变")),
        optional("focal_px", Kind::Number { min: 10.0, max: 1_000_000.0 }, bi("focal length, pixels", "焦距，像素")),
        default(
            "full",
            Kind::Bool,
            Scalar::Bool(false),
            bi(
                "the reference points are spread over the facade and carry a turned or tilted view",
                "参考点遍布立面，可求解偏转或倾斜的视角",
            ),
        ),
        optional(
            "shield",
            Kind::Array(&SHIELD),
            bi(
                "parts of the picture in which movement is nothing: trees, flags, roads",
                "画面中应忽略运动的区域：树木、旗帜、道路",
            ),
        ),
    ],
    one_of: &[WAYS],
};

static PUSH: Table = Table {
    name: "camera_push",
    head: "push",
    doc: bi("The camera posts its events to `[vision]`.", "摄像机向 `[vision]` 推送事件。"),
    fields: &[required(
        "credential",
        CREDENTIAL,
        bi(
            "credential: `user:password` (Basic), or a token without a colon (Bearer)",
            "凭据：`用户名:密码`（Basic），或不含冒号的令牌（Bearer）",
        ),
    )],
    one_of: &[],
};

const URL: Field = required(
    "url",
    Kind::Checked(&HTTP_URL),
    bi("scheme, host and port: `http://10.0.9.21`", "协议、主机与端口：`http://10.0.9.21`"),
);
const LOGIN: Field = optional("credential", CREDENTIAL, bi("credential `user:password`", "凭据 `用户名:密码`"));
const CA: Field = optional(
    "ca",
    CREDENTIAL,
    bi("credential with the CA certificate (PEM), for https", "CA 证书（PEM）凭据，用于 https"),
);

static STREAM: Table = Table {
    name: "camera_stream",
    head: "stream",
    doc: bi(
        "We read the camera's endless event stream; its path stands in the vision profile.",
        "由本机读取摄像机的事件流；路径由视觉模板给出。",
    ),
    fields: &[
        URL,
        LOGIN,
        CA,
        default(
            "silence",
            Kind::Duration { min_ms: 2_000, max_ms: 600_000 },
            Scalar::Text("60s"),
            bi("without a byte for so long the stream counts as dead", "多久收不到数据即视为中断"),
        ),
    ],
    one_of: &[],
};

static MQTT: Table = Table {
    name: "camera_mqtt",
    head: "mqtt",
    doc: bi(
        "The camera publishes events to the broker of an `mqtt` line, or to gatehouse itself (`mqtt_listen`): there the acknowledgement means \"on disk\".",
        "摄像机将事件发布到 `mqtt` 线路的服务器，或直接发布到本机（`mqtt_listen`）：此时确认即已落盘。",
    ),
    fields: &[
        required("line", Kind::Id, bi("the line", "线路")),
        required("topic", Kind::Checked(&TOPIC), bi("its topic", "主题")),
        optional(
            "credential",
            CREDENTIAL,
            bi(
                "credential `user:password` with which it logs in at our listener",
                "摄像机登录本机 MQTT 接入的凭据 `用户名:密码`",
            ),
        ),
    ],
    one_of: &[],
};

static FETCH: Table = Table {
    name: "camera_fetch",
    head: "fetch",
    doc: bi(
        "Where footage may be fetched. No request for this camera ever goes to any other host or port.",
        "取回图片与录像的地址。此摄像机的请求绝不会发往其他主机或端口。",
    ),
    fields: &[
        URL,
        optional(
            "also",
            Kind::List { of: &Kind::Checked(&HTTP_URL), max: 4 },
            bi("further hosts that its references may name: a recorder", "引用中允许出现的其他主机，如录像机"),
        ),
        LOGIN,
        CA,
    ],
    one_of: &[],
};

static MOUNT: Table = Table {
    name: "mount",
    head: "mount",
    doc: bi("Where the camera stands; roughly is enough.", "摄像机的安装位置，大致即可。"),
    fields: &[
        required("height_m", HEIGHT_M, bi("lens above the ground, metres", "镜头距地高度，米")),
        required(
            "distance_m",
            Kind::Number { min: 0.1, max: 2_000.0 },
            bi("lens to the facade, horizontally, metres", "镜头到立面的水平距离，米"),
        ),
    ],
    one_of: &[],
};

static REFERENCE: Table = Table {
    name: "reference_row",
    head: "reference_rows",
    doc: bi("A known point: where it is in the picture and on the facade.", "已知点：画面中的位置与立面上的位置。"),
    fields: &[
        required("row", PIXEL, bi("pixels from the top", "距画面顶部，像素")),
        optional("col", PIXEL, bi("pixels from the left; the middle if left out", "距画面左侧，像素；缺省为正中")),
        required("height_m", HEIGHT_M, bi("metres above the ground", "距地高度，米")),
        optional("floor", ANY_NUMBER, bi("floor whose base this is; for people", "对应楼层地面；仅供查看")),
        optional("facade_x_m", HEIGHT_M, bi("metres along the facade, from any origin", "沿立面的距离，米，原点任意")),
    ],
    one_of: &[],
};

static SHIELD: Table = Table {
    name: "shield",
    head: "shield",
    doc: bi("A part of the picture to leave out.", "画面屏蔽区。"),
    fields: &[
        required("name", LINE, bi("what is there", "名称")),
        required(
            "polygon",
            Kind::List { of: &PLACE, max: 64 },
            bi(
                "its corners in pixels, `[[0, 0], [300, 0], [0, 400]]`",
                "顶点坐标，像素，`[[0, 0], [300, 0], [0, 400]]`",
            ),
        ),
    ],
    one_of: &[],
};
