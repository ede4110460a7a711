//! Holds the house rules that the compiler cannot see: who may import whom, sizes of files and functions, opening
//! documentation, banned calls and words, and the fixed top level.
//!
//! Each rule names its reason in the failure text, so that nobody has to look for this file's author.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Modules in reading order with what each may import besides itself.
const LAYERS: &[(&str, &str)] = &[
    ("model", ""),
    ("clock", "model"),
    ("guests", ""),
    ("text", "model"),
    ("profile", "model text"),
    ("predict", ""),
    ("falling", ""),
    ("southbound", "model clock guests profile"),
    ("conditioning", "model profile"),
    ("rules", "model profile predict"),
    ("alarms", "model profile"),
    ("cases", "model clock"),
    ("health", "model"),
    ("store", "model clock"),
    ("northbound", "model clock"),
    ("api", "model clock guests"),
    ("pipeline", "model clock conditioning rules alarms health"),
    ("supervise", "clock"),
    ("config", "model text profile southbound conditioning rules alarms cases store northbound api"),
    (
        "gateway",
        "model clock profile falling southbound conditioning rules alarms cases health store northbound api pipeline supervise \
         config",
    ),
    ("sim", "model clock profile southbound conditioning supervise config"),
    (
        "cli",
        "model clock text profile predict falling southbound conditioning rules alarms cases store northbound api supervise config \
         gateway sim",
    ),
];

/// Calls that are wrong everywhere but in the named files.
const BANNED: &[(&str, &str, &str)] = &[
    ("SystemTime::now", "src/clock.rs", "wall time comes from crate::clock, as an argument"),
    ("std::time::Instant", "", "tokio::time::Instant can be paused in tests"),
    ("tokio::spawn", "src/supervise.rs", "spawn through crate::supervise, with a name and a restart policy"),
    ("unbounded_channel", "", "every queue has a bound and a named policy when full"),
    ("thread::sleep", "", "wait for a condition"),
    ("process::exit", "", "return an exit code from main"),
    ("reqwest::Client::new", "", "a client without time-outs hangs for ever"),
    ("todo!(", "", "finish it or say in the documentation that it is missing"),
];

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const TOP_LEVEL: &str =
    "Cargo.toml Cargo.lock LICENSE README.md src config systemd cross tests target proptest-regressions";

struct Source {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("folder of the package").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).expect("source is UTF-8");
                found.push(Source { path: relative(&path), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).expect("below the package").display().to_string()
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/")
}

/// The text before an inline test module: the rules are about the product.
fn production(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

/// Lines of the product in `src`, without comments, as `(file, line number, code)`.
fn code_lines() -> Vec<(String, usize, String)> {
    let mut lines = Vec::new();
    for source in sources("src").into_iter().filter(|s| !is_test_file(&s.path)) {
        for (number, line) in production(&source.text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            lines.push((source.path.clone(), number + 1, code.to_owned()));
        }
    }
    lines
}

#[test]
fn modules_import_only_what_lies_below_them() {
    let table: BTreeMap<&str, &str> = LAYERS.iter().copied().collect();
    let mut faults = Vec::new();
    for (path, number, code) in code_lines() {
        let module = path.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default();
        if matches!(module, "lib" | "main") {
            continue;
        }
        let Some(allowed) = table.get(module) else {
            faults.push(format!("{path}: module `{module}` is not in the table of layers"));
            continue;
        };
        for rest in code.split("crate::").skip(1) {
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if name != module && table.contains_key(name.as_str()) && !allowed.split(' ').any(|a| a == name) {
                faults.push(format!("{path}:{number}: `{module}` must not import `{name}`"));
            }
        }
    }
    faults.dedup();
    report(&faults);
}

#[test]
fn files_open_with_their_purpose_and_stay_readable() {
    let mut faults = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            faults.push(format!("{}: {lines} lines, at most {FILE_LINES_MAX}", source.path));
        }
        if !source.text.starts_with("//!") {
            faults.push(format!("{}: opens without `//!` saying what it owns", source.path));
        }
        if source.path.ends_with("/mod.rs") {
            faults.push(format!("{}: use `name.rs` beside `name/`", source.path));
        }
    }
    report(&faults);
}

#[test]
fn functions_fit_on_a_screen() {
    let mut faults = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        let mut open: Option<(usize, usize, String)> = None;
        for (number, line) in source.text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            match &open {
                None if starts_function(line) && !line.trim_end().ends_with(['}', ';']) => {
                    open = Some((number, indent, line.trim().to_owned()));
                }
                Some((start, at, name)) if indent == *at && line.trim_start().starts_with('}') => {
                    let lines = number - start + 1;
                    if lines > FUNCTION_LINES_MAX {
                        faults.push(format!("{}:{}: {lines} lines: {name}", source.path, start + 1));
                    }
                    open = None;
                }
                _ => {}
            }
        }
    }
    report(&faults);
}

fn starts_function(line: &str) -> bool {
    let mut line = line.trim_start();
    for word in ["pub(crate) ", "pub(super) ", "pub ", "const ", "async "] {
        line = line.strip_prefix(word).unwrap_or(line);
    }
    line.starts_with("fn ")
}

#[test]
fn banned_calls_stay_out() {
    let mut faults = Vec::new();
    for (path, number, code) in code_lines() {
        for (call, except, why) in BANNED {
            if code.contains(call) && path != *except {
                faults.push(format!("{path}:{number}: `{call}`: {why}"));
            }
        }
    }
    report(&faults);
}

#[test]
fn every_test_runs_and_none_is_always_true() {
    // Spelled in two parts so that this file does not report itself.
    let banned = [concat!("#[ign", "ore"), concat!("#[should_", "panic"), concat!("assert!(", "true")];
    let mut faults = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        for (number, line) in source.text.lines().enumerate() {
            for word in banned.iter().filter(|word| line.contains(*word)) {
                faults.push(format!("{}:{}: `{word}` hides a result", source.path, number + 1));
            }
        }
    }
    report(&faults);
}

#[test]
fn the_top_level_is_what_it_was_agreed_to_be() {
    let mut faults = Vec::new();
    for entry in std::fs::read_dir(root()).expect("package folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !TOP_LEVEL.split(' ').any(|known| known == name) {
            faults.push(format!("{name} does not belong at the top level"));
        }
    }
    report(&faults);
}
