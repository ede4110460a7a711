//! Stable codes of complaints, with one sentence each for `gatehouse explain` and the reference.
//!
//! A code never changes its meaning and is never given to another fault. 10xx files, 11xx fields, 12xx the site,
//! 13xx profiles, 14xx expressions, 15xx credentials.

use crate::text::field::{Bi, bi};

/// A code and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// `GH1101`
    pub id: &'static str,
    /// One sentence.
    pub about: Bi,
}

const fn code(id: &'static str, en: &'static str, zh: &'static str) -> Code {
    Code { id, about: bi(en, zh) }
}

/// The file cannot be read.
pub const FILE: Code = code("GH1001", "A file cannot be opened or read.", "文件无法打开或读取。");
/// The file is too large.
pub const FILE_SIZE: Code =
    code("GH1002", "A file is larger than 16 MiB; it is not read.", "文件超过 16 MiB，未读取。");
/// The file is not UTF-8.
pub const ENCODING: Code = code("GH1003", "A file is not UTF-8 text.", "文件不是 UTF-8 文本。");
/// Not TOML, or not a sheet.
pub const SYNTAX: Code = code("GH1010", "The text breaks the rules of TOML.", "文本不符合 TOML 语法。");
/// The same key or table twice.
pub const TWICE: Code = code("GH1011", "The same key or table stands twice.", "同一个键或表出现了两次。");

/// A key nobody reads.
pub const UNKNOWN_KEY: Code = code("GH1101", "A key that does not exist here.", "此处没有这个键。");
/// Wrong type.
pub const TYPE: Code = code("GH1102", "A value has the wrong type.", "值的类型不对。");
/// A key is missing.
pub const MISSING: Code = code("GH1103", "A required key is missing.", "缺少必填的键。");
/// Outside the accepted range.
pub const RANGE: Code = code("GH1104", "A value is outside its accepted range.", "值超出允许范围。");
/// Not one of the words.
pub const WORD: Code = code("GH1105", "A word that is not on the list of accepted words.", "不在允许的取值列表中。");
/// A notation (duration, size, address, ...) that cannot be read.
pub const NOTATION: Code = code(
    "GH1106",
    "A duration, size or address in a notation that is not understood.",
    "时长、容量或地址的写法无法识别。",
);
/// Not an id.
pub const ID: Code = code("GH1107", "An id that breaks the rule for ids.", "标识不符合命名规则。");
/// Exactly one of several keys.
pub const ONE_OF: Code = code("GH1108", "Exactly one of several keys must be given.", "几个键中必须且只能给出一个。");
/// A unit that is not on the list.
pub const UNIT: Code = code("GH1109", "A unit of measure that is not on the closed list.", "计量单位不在列表中。");

/// The same id twice (across file and sheet).
pub const DUPLICATE: Code = code("GH1201", "The same id is given to two things.", "同一个标识用于两处。");
/// An unknown line.
pub const UNKNOWN_LINE: Code = code("GH1202", "A device names a line that does not exist.", "设备引用的线路不存在。");
/// An unknown profile.
pub const UNKNOWN_PROFILE: Code =
    code("GH1203", "A device names a profile that does not exist.", "设备引用的设备模板不存在。");
/// An unknown parameter.
pub const UNKNOWN_PARAM: Code = code("GH1204", "A parameter that the profile does not have.", "设备模板没有这个参数。");
/// An unknown point.
pub const UNKNOWN_POINT: Code = code("GH1205", "A point that does not exist.", "测点不存在。");
/// Two devices at one address.
pub const SAME_ADDRESS: Code = code(
    "GH1206",
    "Two devices or cameras share one unit id, topic or event stream.",
    "两台设备或摄像机的单元号、主题或事件流相同。",
);
/// The address does not suit the line.
pub const ADDRESS_KIND: Code =
    code("GH1207", "A device is addressed in a way its line does not know.", "设备的地址方式与线路不符。");
/// The profile does not suit the line.
pub const PROFILE_KIND: Code =
    code("GH1208", "A profile for Modbus on an MQTT line, or the other way round.", "设备模板与线路协议不符。");
/// The page would be open to others.
pub const NOT_LOOPBACK: Code = code(
    "GH1209",
    "The local interface would be reachable from outside without a login.",
    "本地接口会在无登录的情况下对外开放。",
);
/// Not active yet.
pub const NOT_ACTIVE: Code =
    code("GH1210", "A section that this version reads but does not act on.", "本版本可读取但尚未启用的配置段。");
/// A URL that cannot be used.
pub const URL: Code = code("GH1211", "A URL that cannot be used.", "网址不可用。");
/// Two lines on one port.
pub const SAME_PORT: Code = code("GH1212", "Two lines want the same port.", "两条线路使用同一端口。");
/// A sheet without the right columns.
pub const SHEET: Code = code("GH1213", "A sheet that does not have the right columns.", "表格的列不对。");
/// Nothing to do.
pub const IDLE: Code = code("GH1214", "Something is declared and never used.", "声明了但没有使用。");

/// A camera or facade that does not fit together.
pub const CAMERA: Code = code(
    "GH1215",
    "Something in the table of a camera or facade that does not fit together.",
    "摄像机或立面的配置前后不符。",
);

/// A day of the calendar that cannot be.
pub const DAY: Code = code(
    "GH1216",
    "A day of the calendar is declared twice, or as two things, or needlessly.",
    "日历中的日期重复、矛盾或多余。",
);

/// A point that cannot be read as written.
pub const UNREACHABLE: Code = code("GH1301", "A point that no request can read.", "任何请求都读不到的测点。");
/// Byte order that does not fit.
pub const ORDER: Code = code("GH1302", "A byte order that does not fit the type.", "字节序与类型不符。");
/// A setting that does not fit the point.
pub const POINT_SETTING: Code =
    code("GH1303", "A setting that makes no sense for this point.", "此测点不能使用该设置。");
/// An alarm that can never be or never end.
pub const ALARM: Code = code("GH1304", "An alarm condition that makes no sense for its point.", "告警条件与测点不符。");
/// A test vector that tests nothing.
pub const VECTOR: Code =
    code("GH1305", "A test vector names something the profile does not have.", "测试向量引用了不存在的内容。");
/// A write where none is possible.
pub const WRITE: Code =
    code("GH1306", "A write to something that cannot or must not be written.", "不可写入的测点声明了写入。");
/// The id and the path of a profile differ.
pub const PROFILE_ID: Code =
    code("GH1307", "A profile whose id is not its path below the profiles folder.", "设备模板的标识与其路径不一致。");

/// An expression that is wrong.
pub const EXPRESSION: Code =
    code("GH1401", "An expression that is not valid CEL or has the wrong type.", "表达式不是有效的 CEL，或类型不对。");

/// A credential that is not there.
pub const CREDENTIAL_MISSING: Code =
    code("GH1501", "A credential that is not to be found on this machine.", "本机找不到该凭据。");
/// A credential that others can read.
pub const CREDENTIAL_MODE: Code = code("GH1502", "A credential that others could read.", "凭据文件可被他人读取。");
/// A secret inside the site file.
pub const SECRET_IN_FILE: Code = code("GH1503", "A secret stands in the configuration.", "配置中含有明文密码。");

/// All codes.
pub const ALL: &[Code] = &[
    FILE,
    FILE_SIZE,
    ENCODING,
    SYNTAX,
    TWICE,
    UNKNOWN_KEY,
    TYPE,
    MISSING,
    RANGE,
    WORD,
    NOTATION,
    ID,
    ONE_OF,
    UNIT,
    DUPLICATE,
    UNKNOWN_LINE,
    UNKNOWN_PROFILE,
    UNKNOWN_PARAM,
    UNKNOWN_POINT,
    SAME_ADDRESS,
    ADDRESS_KIND,
    PROFILE_KIND,
    NOT_LOOPBACK,
    NOT_ACTIVE,
    URL,
    SAME_PORT,
    SHEET,
    IDLE,
    CAMERA,
    DAY,
    UNREACHABLE,
    ORDER,
    POINT_SETTING,
    ALARM,
    VECTOR,
    WRITE,
    PROFILE_ID,
    EXPRESSION,
    CREDENTIAL_MISSING,
    CREDENTIAL_MODE,
    SECRET_IN_FILE,
];

/// The code called `id`, in any case.
#[must_use]
pub fn find(id: &str) -> Option<Code> {
    ALL.iter().copied().find(|c| c.id.eq_ignore_ascii_case(id))
}
