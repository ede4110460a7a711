//! The configuration as a whole: scenario folders, odd files, large sites, generated documents.
//!
//! A scenario is a folder below `tests/scenarios` with a `gateway.toml` and the diagnostics it must bring in
//! `expected.txt`. `GATEHOUSE_BLESS=1` writes what comes; read the difference before keeping it.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::float_cmp,
    reason = "a test may stop at the first surprise"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gatehouse::config::expr::{ExprFault, Lookup, Unchecked, Wants};
use gatehouse::config::shipped::{SHIPPED, ShippedProfiles};
use gatehouse::config::{Loaded, load};
use gatehouse::model::text::Lang;
use gatehouse::text::render;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A stand-in for the rules' parser: knows words, dots and calls, refuses what is no CEL.
fn checker(expr: &str, _: Wants, lookup: Lookup<'_>) -> Result<(), ExprFault> {
    let fault = |message: &str| ExprFault { message: message.into(), help: String::new(), span: None };
    if expr.contains(" and ") || expr.contains('＞') || expr.contains(" = ") {
        return Err(fault("extraneous input expecting EOF"));
    }
    let mut rest = expr;
    while let Some(start) = rest.find(|c: char| c.is_ascii_lowercase()) {
        let word = &rest[start..];
        let end = word.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(word.len());
        let (name, after) = word.split_at(end);
        if !after.starts_with('(') && lookup(name).is_none() {
            return Err(fault(&format!("undeclared reference to '{name}'")));
        }
        rest = after;
    }
    Ok(())
}

fn scenario(name: &str) -> Loaded {
    let dir = Path::new("tests/scenarios").join(name);
    let profiles = [dir.join("profiles"), PathBuf::from("tests/scenarios/_profiles")];
    load(&dir.join("gateway.toml"), &profiles, &ShippedProfiles::NONE, &checker)
}

fn names() -> Vec<String> {
    let all = fs::read_dir(Path::new(ROOT).join("tests/scenarios")).unwrap();
    let mut names: Vec<String> = all.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|n| !n.starts_with('_'));
    names.sort();
    names
}

/// Compares with a file; writes it instead when blessed.
fn compare(path: &Path, found: &str) {
    if std::env::var_os("GATEHOUSE_BLESS").is_some() {
        fs::write(path, found).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(expected == found, "{} differs; found:\n{found}", path.display());
}

#[test]
fn scenarios_bring_the_expected_diagnostics() {
    for name in names() {
        let loaded = scenario(&name);
        let short = render::short(&loaded.diagnostics, &loaded.sources, Lang::En);
        let short = short.replace(&format!("tests/scenarios/{name}/"), "");
        compare(&Path::new(ROOT).join("tests/scenarios").join(&name).join("expected.txt"), &short);
        assert_eq!(loaded.config.is_none(), short.contains(" error["), "{name}");
    }
}

#[test]
fn the_good_site_is_read_to_the_last_field() {
    use gatehouse::config::DeviceAddress;
    use gatehouse::model::reading::PointKind;
    use gatehouse::profile::{Area, Condition, Deadband, Order, PointSource, ScaleFrom, Setting, WireType};
    use gatehouse::southbound::LinePath;

    let loaded = scenario("good");
    let config = loaded.config.unwrap();
    assert_eq!((config.lines.len(), config.devices.len(), config.rules.len()), (5, 6, 2));
    assert!(matches!(&config.lines[0].path, LinePath::Serial(s) if s.rs485 && s.baud == 9600));
    // Noon of 2026-10-04, a Sunday on holiday; of 2026-10-10, a Saturday that is worked; of the Sunday after it.
    let counts_as = [20_730, 20_736, 20_737].map(|day: i64| config.calendar.counts_as(day * 86_400_000 + 43_200_000));
    assert_eq!(counts_as, [Some(6), Some(4), None]);
    let pump = &config.devices[0];
    assert_eq!((pump.name.as_str(), &pump.address), ("3号楼生活水泵 1#", &DeviceAddress::Unit(3)));
    assert_eq!(pump.params["rated_current"], 15.2);
    let point = |device: usize, id: &str| {
        let points = &config.devices[device].profile.points;
        points.iter().find(|p| p.id.as_str() == id).unwrap().clone()
    };
    // Changed on the first, as it stands on the second, which shares its profile with the third.
    assert_eq!((point(0, "pressure").scale, point(1, "pressure").scale), (0.01, 0.001));
    assert!(Arc::ptr_eq(&config.devices[1].profile, &config.devices[2].profile));
    assert!(!Arc::ptr_eq(&config.devices[0].profile, &config.devices[1].profile));
    assert_eq!(config.devices[0].profile.alarms, config.devices[1].profile.alarms);
    assert_eq!(config.devices[0].profile.modbus.registers_max, 12);

    let order: Vec<String> = config.devices[1].profile.points.iter().map(|p| p.id.to_string()).collect();
    assert_eq!(order[..4], ["pressure", "running", "fault", "current"]);
    let PointSource::Register(register) = point(1, "fault").source else { panic!() };
    assert_eq!(
        (register.area, register.address, register.wire),
        (Area::Holding, 17, WireType::Slice { lsb: 8, width: 4 })
    );
    let PointSource::Register(register) = point(1, "current").source else { panic!() };
    assert_eq!((register.wire, register.order), (WireType::F32, Order::Cdab));
    assert_eq!(point(1, "pressure").deadband, Deadband::Percent(2.0));
    assert_eq!(point(1, "energy").counter.unwrap().wraps_at, 4_294_967_296.0);
    assert_eq!(point(1, "setpoint").scale_from.unwrap().1, ScaleFrom::PowerOfTen);
    let kinds = ["running", "fault", "serial_number", "load"].map(|id| point(1, id).kind);
    assert_eq!(kinds, [PointKind::Switch, PointKind::Enumeration, PointKind::Text, PointKind::Number]);
    assert_eq!([point(3, "smoke").kind, point(3, "mode").kind], [PointKind::Switch; 2]);
    let limit = &config.devices[1].profile.alarms[1];
    assert!(
        matches!(&limit.condition, Condition::Limit { limit: Setting::Param(p), .. } if p.as_str() == "rated_current")
    );
    assert_eq!(&*limit.text.title.zh, "过载");
    assert_eq!(config.devices[4].address, DeviceAddress::Topic("field/smoke_1".into()));
    assert_eq!(config.devices[5].name, "二号, 东");
    assert_eq!(config.devices[4].profile.mqtt.as_ref().unwrap().topics, ["", "/+/up"]);
}

#[test]
fn seven_faults_make_seven_diagnostics() {
    let loaded = scenario("seven_faults");
    assert_eq!((loaded.diagnostics.len(), loaded.more), (7, 0));
    assert!(loaded.diagnostics.iter().all(|d| d.help.is_some()));
    let value = render::json(&loaded.diagnostics, loaded.more, &loaded.sources, Lang::Zh);
    let first = &value["diagnostics"][0];
    assert_eq!((&first["line"], &first["col"], &first["end_col"]), (&8.into(), &33.into(), &37.into()));
    assert_eq!(first["help"], "是否想写 `baud`？");
}

fn site_in(dir: &Path, text: &[u8]) -> Loaded {
    let path = dir.join("gateway.toml");
    fs::write(&path, text).unwrap();
    load(&path, &[PathBuf::from("tests/scenarios/_profiles")], &ShippedProfiles::NONE, &checker)
}

#[test]
fn odd_files_end_in_a_message() {
    let dir = tempfile::tempdir().unwrap();
    let check = |text: &[u8], code: &str| {
        let loaded = site_in(dir.path(), text);
        assert!(loaded.config.is_none());
        assert!(loaded.diagnostics.iter().any(|d| d.code.id == code), "{:?}", loaded.diagnostics);
        assert!(!render::human(&loaded.diagnostics, loaded.more, &loaded.sources, Lang::Zh, true).contains('\u{7}'));
    };
    check(b"", "GH1103");
    check(b"version = 1\n\0", "GH1003");
    check(b"\xFF\xFEv\0", "GH1003");
    check("name = \"阳光\"".as_bytes().split_last().unwrap().1, "GH1010");
    check(b"name = \"\xD1\xF4\"", "GH1003");
    check("a = [".repeat(50_000).as_bytes(), "GH1010");
    check("[".repeat(50_000).as_bytes(), "GH1010");
    check("a.".repeat(50_000).as_bytes(), "GH1010");
    check("k = 1\n".repeat(20_000).as_bytes(), "GH1011");

    let path = dir.path().join("huge.toml");
    fs::File::create(&path).unwrap().set_len(2 << 30).unwrap();
    for (path, code) in [
        (path.as_path(), "GH1002"),
        (dir.path(), "GH1001"),
        (Path::new("/dev/zero"), "GH1001"),
        (Path::new("absent"), "GH1001"),
    ] {
        let loaded = load(path, &[], &ShippedProfiles::NONE, &Unchecked);
        assert_eq!(loaded.diagnostics[0].code.id, code);
    }
}

#[test]
fn complaints_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = fs::read_to_string("tests/scenarios/good/gateway.toml").unwrap();
    fs::copy("tests/scenarios/good/smoke.csv", dir.path().join("smoke.csv")).unwrap();
    for n in 0..1000 {
        text.push_str(&format!(
            "[device.x{n}]\nname = 'x'\nat = 'x'\nprofile = 'pump/vfd'\nline = 'plnat'\nunit = 1\n"
        ));
    }
    let loaded = site_in(dir.path(), text.as_bytes());
    assert_eq!((loaded.diagnostics.len(), loaded.more), (200, 800));
}

#[test]
fn ten_thousand_devices_are_one_breath() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = String::from("version = 1\nsite = { id = 's', name = 's' }\n");
    for n in 0..20 {
        text.push_str(&format!("[line.l{n}]\ntcp = {{ host = '10.0.0.{n}' }}\n"));
    }
    for n in 0..5_000 {
        let (line, unit) = (n / 250, n % 250);
        let at = format!("{n}号楼");
        text.push_str(&format!(
            "[device.d{n}]\nname = '水泵'\nat = '{at}'\nprofile = 'pump/vfd'\nline = 'l{line}'\nunit = {unit}\n"
        ));
    }
    text.push_str("[line.m]\nmqtt_listen = { bind = '127.0.0.1:1883' }\n");
    text.push_str("[devices_from.m]\ncsv = 'm.csv'\nprofile = 'smoke/mqtt'\nline = 'm'\npoints.battery.deadband = 1\n");
    let rows: String = (0..5_000).map(|n| format!("s{n},烟感 {n},{n}号楼/1层,field/s{n}\n")).collect();
    fs::write(dir.path().join("m.csv"), format!("id,name,at,topic\n{rows}")).unwrap();
    let started = tokio::time::Instant::now();
    let loaded = site_in(dir.path(), text.as_bytes());
    let took = started.elapsed();
    assert!(loaded.diagnostics.is_empty(), "{}", render::short(&loaded.diagnostics, &loaded.sources, Lang::En));
    let config = loaded.config.unwrap();
    assert_eq!(config.devices.len(), 10_000);
    let shared = |range: std::ops::Range<usize>| {
        config.devices[range].windows(2).all(|pair| Arc::ptr_eq(&pair[0].profile, &pair[1].profile))
    };
    assert!(shared(0..5_000) && shared(5_000..10_000));
    println!("10,000 devices in {took:?}");
    assert!(took.as_secs() < 10, "{took:?}");
}

#[test]
fn the_case_desk_is_as_the_site_says() {
    let dir = tempfile::tempdir().unwrap();
    let head = "version = 1\nsite = { id = 's', name = 's' }\n[vision]\nbind = '127.0.0.1:0'\n[camera.a]\nname = 'a'\nat = 'x'\n\
        profile = 'generic_json'\npush = { credential = 'a' }\n";
    let config = |rest: &str| {
        let loaded = site_in(dir.path(), format!("{head}{rest}").as_bytes());
        loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
    };
    let plain = config("");
    assert_eq!((&plain.cases, plain.cameras[0].serial.as_str()), (&gatehouse::cases::CasesConfig::default(), ""));
    // What stands in the table of fields is what holds without it.
    assert_eq!(config("[cases]\n").cases, plain.cases);
    let own = config(
        "serial = 'F12'\n[cases]\nmerge_window = '20s'\nkeep = '2d'\nevidence_max = '2GiB'\ncases_per_minute = 3\n\
         dense_per_minute = 4\nwhole_per_minute = 5\nrepeat_count = 6\nrepeat_within = '7d'\n\
         cases_keep = '40d'\ncases_max = 7\n",
    );
    let (desk, kept) = (&own.cases.desk, own.cases.evidence);
    assert_eq!((own.cases.retention.keep_ms, own.cases.retention.cases_max), (40 * 86_400_000, 7));
    assert_eq!((own.cameras[0].serial.as_str(), desk.merge_window_ms), ("F12", 20_000));
    assert_eq!((kept.keep_ms, kept.bytes_max), (2 * 86_400_000, 2 << 30));
    assert_eq!((desk.cases_per_minute, desk.dense_per_minute, desk.whole_per_minute), (3, 4, 5));
    assert_eq!((desk.repeat_count, desk.repeat_days), (6, 7));
}

#[test]
fn secrets_are_looked_for_and_wide_ones_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let text = "version = 1\nsite = { id = 's', name = 's' }\n[upstream.cloud]\nhttp = { url = 'https://x/', credential = 'token' }\n";
    let codes = |loaded: &Loaded| loaded.diagnostics.iter().map(|d| d.code.id).collect::<Vec<_>>();
    let missing = site_in(dir.path(), text.as_bytes());
    assert_eq!((codes(&missing), missing.config.is_some()), (vec!["GH1501"], true));
    let path = dir.path().join("credentials/token");
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, "secret-word").unwrap();
    for (mode, expected) in [(0o600, vec![]), (0o644, vec!["GH1502"])] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let loaded = site_in(dir.path(), text.as_bytes());
        assert_eq!(codes(&loaded), expected);
        assert_eq!(loaded.config.is_some(), expected.is_empty());
        assert!(!format!("{loaded:?}").contains("secret-word"));
    }
}

#[test]
fn shipped_profiles_are_all_there_and_without_fault() {
    let root = Path::new(ROOT).join("config/profiles");
    let files = gatehouse::config::library::list(std::slice::from_ref(&root), &ShippedProfiles::NONE);
    let on_disk: Vec<&str> = files.iter().map(|p| p.id.as_str()).collect();
    let compiled: Vec<&str> = SHIPPED.0.iter().map(|(id, _)| *id).collect();
    assert_eq!(on_disk, compiled, "config/profiles and src/config/shipped.rs differ");
    for id in compiled {
        let loaded = gatehouse::config::load_profile(id, &[], &SHIPPED, &Unchecked);
        let complaints = render::short(&loaded.diagnostics, &loaded.sources, Lang::En);
        assert!(loaded.profile.is_some() && complaints.is_empty(), "{complaints}");
    }
}

#[test]
fn the_annotated_example_passes() {
    let loaded = load(Path::new("config/gatehouse.toml"), &[], &SHIPPED, &checker);
    assert!(loaded.diagnostics.is_empty(), "{}", render::short(&loaded.diagnostics, &loaded.sources, Lang::En));
    assert_eq!(loaded.config.unwrap().devices.len(), 3);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(96))]

    /// Whatever is written over a good site, there is an answer, with places that can be shown.
    #[test]
    fn no_damage_makes_the_reader_panic(
        at in 0_usize..2000,
        cut in 0_usize..40,
        put in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..12),
        word in proptest::sample::select(vec!["", "[", "]", "\"", "=", "{", "}", "'''", "\n", "inf", "-1", "0x", "é", "＞"]),
    ) {
        let mut text = fs::read("tests/scenarios/good/gateway.toml").unwrap();
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        // Half the cases put no noise in, so that the damage reaches the parser.
        let noise = if at % 2 == 0 { put } else { Vec::new() };
        text.splice(at..end, word.bytes().chain(noise));
        let dir = tempfile::tempdir().unwrap();
        let loaded = site_in(dir.path(), &text);
        let errors = loaded.diagnostics.iter().any(|d| d.severity.word() == "error");
        proptest::prop_assert_eq!(loaded.config.is_none(), errors);
        assert!(!render::human(&loaded.diagnostics, loaded.more, &loaded.sources, Lang::Zh, true).contains('\u{7}'));
        assert!(render::json(&loaded.diagnostics, loaded.more, &loaded.sources, Lang::En).is_object());
    }
}

#[test]
fn the_reference_is_in_step() {
    let text = gatehouse::config::reference(Lang::Zh) + "\n" + &gatehouse::config::reference(Lang::En);
    compare(&Path::new(ROOT).join("config/reference.md"), &text);
}
