//! What people read when a case rings: title, cause, harm and steps, in both languages. Pure.
//!
//! No name of a resident, no flat: a range of floors of a facade is all that is known.

use crate::model::alarm::AlarmText;
use crate::model::case::{Case, ObjectClass};
use crate::model::casewords::{class, floors, heights};
use crate::model::sight::SightKind;
use crate::model::text::Text;

fn text(title: [&str; 2], cause: [&str; 2], harm: [&str; 2], action: &[[&str; 2]]) -> AlarmText {
    let both = |[zh, en]: [&str; 2]| Text::new(zh, en);
    AlarmText {
        title: both(title),
        cause: both(cause),
        harm: both(harm),
        action: action.iter().copied().map(both).collect(),
    }
}

/// The texts of the case's alarm.
#[must_use]
pub fn alarm(case: &Case) -> AlarmText {
    match case.kind {
        SightKind::FallingObject => falling(case),
        SightKind::EbikeInLift => ebike(&case.place),
        SightKind::FireLaneBlocked => lane(&case.place),
        SightKind::Perimeter => perimeter(&case.place),
    }
}

fn falling(case: &Case) -> AlarmText {
    let j = &case.judgement;
    let what = class(j.class);
    let mut zh = format!("{} 疑似高空抛物", case.place);
    let mut en = format!("Falling object suspected, {}", case.place);
    if let Some(range) = floors(j) {
        zh.push_str(&format!("，{}", range.zh));
        en.push_str(&format!(", {}", range.en));
    }
    if let Some(range) = heights(j) {
        zh.push_str(&format!("，高度 {range}"));
        en.push_str(&format!(", height {range}"));
    }
    zh.push_str(&format!("（{}）", what.zh));
    en.push_str(&format!(" ({})", what.en.to_lowercase()));
    if let Some(zone) = &case.shielded {
        zh.push_str(&format!("，轨迹全部在屏蔽区“{zone}”内"));
        en.push_str(&format!(", wholly in the shield zone \"{zone}\""));
    }
    if case.repeat {
        zh.push_str("，该位置近期多次发生");
        en.push_str(", not the first time there");
    }
    let look = ["打开案件，看轨迹和画面，开始复核", "Open the case, see track and picture, begin the review"];
    let go = [
        "派人到落点：查看有无伤者，隔离并拍照留物",
        "Send someone to the place of impact: look for the injured, cordon off, keep the object",
    ];
    let hurt = ["有人受伤：拨打 120，并报 110", "Somebody is hurt: call an ambulance (120) and the police (110)"];
    let decide = [
        "复核后确认或判为误报；确认的告知楼管并保全证据",
        "Confirm or reject; if confirmed tell the steward and hold the evidence",
    ];
    let steps: &[[&str; 2]] = match j.class {
        _ if case.shielded.is_some() => &[look, decide],
        ObjectClass::Dense | ObjectClass::Light => &[go, hurt, look, decide],
        ObjectClass::Undecidable | ObjectClass::NotFalling => &[look, decide],
    };
    text(
        [&zh, &en],
        [
            "有人从高处抛物，或窗台、阳台、外墙物件坠落",
            "Something was thrown, or fell from a window, balcony or the facade",
        ],
        [
            "可能砸伤行人；物业未及时处置须承担责任",
            "People below may be hit; the property is liable if it does not act",
        ],
        steps,
    )
}

fn ebike(place: &str) -> AlarmText {
    text(
        [&format!("{place} 电动车进入电梯"), &format!("E-bike in the lift, {place}")],
        ["住户推电动车上楼停放或充电", "A resident takes an e-bike upstairs to park or charge it"],
        ["锂电池在轿厢或楼道内起火无法逃生", "A battery fire in car or corridor leaves no way out"],
        &[
            ["用轿厢对讲劝阻，请其退出电梯", "Speak through the car's intercom and ask them to leave"],
            ["派人到该楼层查看，确认车已推出", "Send someone to the floor and see that it has left"],
        ],
    )
}

fn lane(place: &str) -> AlarmText {
    text(
        [&format!("{place} 消防通道被占用"), &format!("Fire lane blocked, {place}")],
        ["车辆或杂物停放在消防通道", "A vehicle or goods stand on the fire lane"],
        ["消防车无法靠近", "Fire engines cannot get near"],
        &[
            ["喊话或电话通知车主挪车", "Call the owner by loudspeaker or phone"],
            ["派人到现场引导；超过 15 分钟联系拖车", "Send someone; after 15 minutes call for towing"],
        ],
    )
}

fn perimeter(place: &str) -> AlarmText {
    text(
        [&format!("{place} 有人翻越周界"), &format!("Perimeter crossed, {place}")],
        ["有人翻越围墙或闯入禁区", "Somebody climbed the fence or entered a closed area"],
        ["盗窃、破坏或人员受伤", "Theft, damage or injury"],
        &[
            ["查看画面，通知最近的保安", "See the picture, send the nearest guard"],
            ["不要单独靠近；必要时报 110", "Do not approach alone; call the police (110) if needed"],
        ],
    )
}
