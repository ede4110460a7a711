//! A QR code as SVG: a label on the machine that opens its page. Pure.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

/// Light border around the code, in modules: the symbol's standard asks for four.
const BORDER: i32 = 4;

/// The code of `text`; `None` when it is too long for one (some 2,300 bytes).
pub(crate) fn svg(text: &str) -> Option<String> {
    // Medium correction: a label in a pump room gets dirty.
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let side = code.size() + 2 * BORDER;
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|x| code.get_module(*x, y)).count();
            let run = i32::try_from(run).unwrap_or(0);
            if run > 0 {
                write!(path, "M{},{}h{run}v1h-{run}z", x + BORDER, y + BORDER).expect("a String takes all");
            }
            x += run.max(1);
        }
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0,0h{side}v{side}h-{side}z\"/><path d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dark_module_is_drawn_once() {
        let text = "http://127.0.0.1:8080/devices/b3_pump_1";
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).unwrap();
        let dark: i32 = (0..code.size())
            .flat_map(|y| (0..code.size()).map(move |x| (x, y)))
            .map(|(x, y)| i32::from(code.get_module(x, y)))
            .sum();
        let svg = svg(text).unwrap();
        let runs =
            svg.split('M').skip(2).filter_map(|run| run.split('h').nth(1)?.split('v').next()?.parse::<i32>().ok());
        assert_eq!(runs.sum::<i32>(), dark);
        assert!(super::svg(&"x".repeat(5000)).is_none());
    }
}
