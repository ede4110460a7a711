//! The fields of `[cases]`. Constant data; the defaults are ours, no standard names them.

use crate::text::field::{Kind, Scalar, Table, bi, default};

const PER_MINUTE: Kind = Kind::Int { min: 1, max: 600 };
const DAY_MS: u64 = 86_400_000;

/// `[cases]`
pub(super) static CASES: Table = Table {
    name: "cases",
    head: "[cases]",
    doc: bi(
        "The case desk: how events become cases, how many of them alarm, how long their evidence is kept.",
        "案件台：事件如何并案、每分钟最多多少告警、证据保存多久。",
    ),
    fields: &[
        default(
            "merge_window",
            Kind::Duration { min_ms: 1_000, max_ms: 600_000 },
            Scalar::Text("10s"),
            bi(
                "events of the same place and floors within this are one case",
                "同一位置、楼层在此时间内的事件并为一案",
            ),
        ),
        default(
            "cases_per_minute",
            PER_MINUTE,
            Scalar::Int(6),
            bi(
                "new cases, so notifications, a minute and place that are not of dense objects; what comes above joins the newest",
                "每个位置每分钟新案（即通知）上限，重物除外；超出的并入最近一案",
            ),
        ),
        default(
            "dense_per_minute",
            PER_MINUTE,
            Scalar::Int(30),
            bi("the same for dense objects; not below `cases_per_minute`", "重物的上限；不低于 `cases_per_minute`"),
        ),
        default(
            "whole_per_minute",
            PER_MINUTE,
            Scalar::Int(60),
            bi(
                "events a minute kept with track, payload and pictures; what comes above is kept in short form",
                "每分钟完整保存（轨迹、原文、图片）的事件数；超出的仅存摘要",
            ),
        ),
        default(
            "repeat_count",
            Kind::Int { min: 2, max: 100 },
            Scalar::Int(3),
            bi(
                "so many cases at the same facade and floors are called a repetition",
                "同一立面、楼层达到此数即提示多次发生",
            ),
        ),
        default(
            "repeat_within",
            Kind::Duration { min_ms: DAY_MS, max_ms: 365 * DAY_MS },
            Scalar::Text("30d"),
            bi("within this", "统计期"),
        ),
        default(
            "evidence_max",
            Kind::Size { min: 16 << 20, max: 64 << 40 },
            Scalar::Text("1GiB"),
            bi(
                "most bytes of all evidence; the oldest closed case without legal hold goes first, and its case says so",
                "全部证据的上限；先清理最早办结且未保全的案件，并记入该案",
            ),
        ),
        default(
            "keep",
            Kind::Duration { min_ms: DAY_MS, max_ms: 3_660 * DAY_MS },
            Scalar::Text("90d"),
            bi("evidence of closed cases without legal hold is deleted after this", "已办结且未保全案件的证据保存期"),
        ),
        default(
            "manifests_keep",
            Kind::Duration { min_ms: DAY_MS, max_ms: 36_600 * DAY_MS },
            Scalar::Text("1095d"),
            bi(
                "names and digests of deleted evidence are kept so long after it went; never deleted under legal hold",
                "证据清理后，其文件名与摘要的保存期；保全中的案件不删除",
            ),
        ),
        default(
            "manifests_max",
            Kind::Int { min: 1, max: 1_000_000 },
            Scalar::Int(10_000),
            bi(
                "most cases whose names and digests are kept after their evidence went; the oldest goes first",
                "证据已清理的案件中保留文件名与摘要的上限；先删最早的",
            ),
        ),
        default(
            "cases_keep",
            Kind::Duration { min_ms: DAY_MS, max_ms: 36_600 * DAY_MS },
            Scalar::Text("1095d"),
            bi(
                "a closed case is kept so long after its last step; then it goes with its sightings and steps, and the statistics go on counting it. Never while it is open, under legal hold, or anything of its evidence is kept, names and digests included",
                "已办结案件自最后一步起的保存期；到期连同目击与步骤一并删除，统计中仍计数。未办结、保全中、证据或其文件名与摘要尚在的不删除",
            ),
        ),
        default(
            "cases_max",
            Kind::Int { min: 1, max: 1_000_000 },
            Scalar::Int(20_000),
            bi(
                "most closed cases; what is above goes in the same way, the oldest first",
                "已办结案件的上限；超出的同样处理，先删最早的",
            ),
        ),
    ],
    one_of: &[],
};
