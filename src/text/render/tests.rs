//! The caret, measured in the cells of a terminal: a Chinese character takes two.

use super::*;
use crate::text::code;
use crate::text::diagnostic::{Diagnostic, say};

const TEXT: &str = "[device.b3_pump_1]\nname = \"三号楼生活水泵\"   # 泵房\nset = { 名 = 1, uint = 3 }\n";

fn sample() -> (Sources, Diagnostic) {
    let mut sources = Sources::default();
    let file = sources.add("site.toml", TEXT);
    let at = TEXT.find("uint").unwrap();
    let diagnostic =
        Diagnostic::error(code::UNKNOWN_KEY, Span::new(file, at..at + 4), say("unknown key", "没有这个键"))
            .help(say("did you mean `unit`?", "是否想写 `unit`？"));
    (sources, diagnostic)
}

/// Terminal cells of a text that holds ASCII and Chinese only.
fn cells(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}

#[test]
fn the_caret_sits_under_the_word_behind_chinese_text() {
    let (sources, diagnostic) = sample();
    let out = human(&[diagnostic], 0, &sources, Lang::En, false);
    let lines: Vec<&str> = out.lines().collect();
    let row = lines.iter().position(|l| l.contains("uint")).unwrap();
    let word = cells(lines[row].split("uint").next().unwrap());
    let caret = cells(lines[row + 1].split('^').next().unwrap());
    assert_eq!(word, caret, "\n{out}");
    assert!(lines[row + 1].contains("^^^^") && !lines[row + 1].contains("^^^^^"), "\n{out}");
    assert!(out.contains("site.toml:3:16"), "\n{out}");
    assert!(out.contains("error[GH1101]") && out.contains("help: did you mean `unit`?"), "\n{out}");
}

#[test]
fn json_counts_characters() {
    let (sources, diagnostic) = sample();
    let value = json(&[diagnostic], 7, &sources, Lang::Zh);
    assert_eq!(value["more"], 7);
    let entry = &value["diagnostics"][0];
    assert_eq!(
        (entry["line"].as_u64(), entry["col"].as_u64(), entry["end_col"].as_u64()),
        (Some(3), Some(16), Some(20))
    );
    assert_eq!(entry["message"], "没有这个键");
}

#[test]
fn a_line_of_a_mebibyte_is_told_by_place_alone() {
    let mut sources = Sources::default();
    let file = sources.add("site.toml", &"x".repeat(1 << 20));
    let diagnostic = Diagnostic::error(code::SYNTAX, Span::new(file, 500_000..500_001), say("odd", "怪"));
    let out = human(&[diagnostic], 3, &sources, Lang::En, false);
    assert!(out.contains("site.toml:1:500001") && out.len() < 400, "{out}");
    assert!(out.contains("and 3 more"));
}
