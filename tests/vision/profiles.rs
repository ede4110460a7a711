//! Every shipped vision profile: read by the strict reader, run through its golden vectors, held to the house rules.

use std::fs;
use std::path::{Path, PathBuf};

use gatehouse::config::shipped::ShippedProfiles;
use gatehouse::config::vision::profile::{SHIPPED, load_vision_file};
use gatehouse::model::text::Lang;
use gatehouse::profile::vision::{Meaning, VisionProfile};
use gatehouse::southbound::vision::golden;
use gatehouse::southbound::vision::{FetchConfig, Way};
use gatehouse::text::render;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/vision")
}

fn read(id: &str) -> VisionProfile {
    let loaded = load_vision_file(&folder().join(format!("{id}.toml")));
    let faults = render::short(&loaded.diagnostics, &loaded.sources, Lang::En);
    assert!(faults.is_empty(), "{faults}");
    loaded.profile.unwrap()
}

#[test]
fn the_program_carries_exactly_what_lies_in_the_folder() {
    let mut on_disk: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    on_disk.sort();
    let carried: Vec<&str> = SHIPPED.iter().map(|(id, _)| *id).collect();
    assert_eq!(carried, on_disk);
    for (id, text) in SHIPPED {
        assert_eq!(&fs::read_to_string(folder().join(format!("{id}.toml"))).unwrap(), text);
        assert_eq!(read(id).id, *id);
    }
}

#[test]
fn every_golden_vector_holds() {
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
    for (id, _) in SHIPPED {
        let profile = read(id);
        assert!(profile.tests.len() >= 3, "{id} has few vectors");
        for (ix, faults) in golden::run(&profile, &zone).iter().enumerate() {
            assert!(faults.is_empty(), "{id}, vector {}: {}", ix + 1, faults.join("; "));
        }
    }
}

#[test]
fn people_find_both_languages_sources_and_every_kind() {
    for (id, _) in SHIPPED {
        let profile = read(id);
        assert!(profile.note.zh != profile.note.en && profile.name.zh != profile.name.en, "{id}");
        assert!(!profile.source.is_empty() && profile.evidence == "documented", "{id}");
        let mut kinds: Vec<String> = profile
            .kinds
            .iter()
            .filter_map(|(_, meaning)| if let Meaning::Kind(kind) = meaning { Some(format!("{kind:?}")) } else { None })
            .collect();
        kinds.sort();
        kinds.dedup();
        assert_eq!(kinds.len(), 4, "{id} knows {kinds:?}");
    }
}

const HEAD: &str = "version = 1\nsite = { id = 's', name = 's' }\n";

fn codes(dir: &Path, text: &str) -> (Vec<String>, Option<gatehouse::config::Config>) {
    let path = dir.join("site.toml");
    fs::write(&path, format!("{HEAD}{text}")).unwrap();
    let loaded =
        gatehouse::config::load(&path, &[dir.to_owned()], &ShippedProfiles::NONE, &gatehouse::config::expr::Unchecked);
    let shown = loaded.diagnostics.iter().filter(|d| d.code.id != "GH1501");
    (shown.map(|d| format!("{} {}", d.code.id, d.message.en)).collect(), loaded.config)
}

#[test]
fn a_site_with_cameras_is_read_to_the_last_field() {
    let dir = tempfile::tempdir().unwrap();
    let text = r#"
[vision]
bind = "127.0.0.1:0"
[facade.b3]
name = "3号楼南"
storeys = 3
floor_base_m = [0.0, 4.5, 7.5]
width_m = 40
[camera.south]
name = "南1"
at = "3号楼/南"
profile = "hikvision"
stream = { url = "http://10.0.9.21", credential = "cam" }
fetch = { url = "http://10.0.9.21", also = ["http://10.0.9.2:8000"], credential = "cam" }
facade = "b3"
fps = 25
width = 1920
height = 1080
mount = { height_m = 1.5, distance_m = 30 }
reference_rows = [{ row = 1000, height_m = 0 }, { row = 600, height_m = 4.5, col = 900 }, { row = 300, height_m = 7.5, floor = 3 }]
k1 = -0.1
shield = [{ name = "树", polygon = [[0, 0], [100, 0], [0, 100]] }]
[camera.gate]
name = "门"
at = "门"
profile = "generic_json"
push = { credential = "gate" }
"#;
    let (faults, config) = codes(dir.path(), text);
    assert!(faults.is_empty(), "{faults:?}");
    let config = config.unwrap();
    assert_eq!((config.facades[0].floor_base_m.len(), config.facades[0].storey_m), (3, 3.0));
    let view = &config.cameras[0].view;
    assert_eq!(
        (view.frame, view.reference_rows[1].col, view.reference_error_m),
        (Some((1920, 1080)), Some(900.0), 0.1)
    );
    assert_eq!(config.cameras[0].shields[0].polygon[1], (100.0, 0.0));
    let [south, gate] = config.vision.sources.as_slice() else { panic!() };
    assert!(matches!(&south.way, Way::Stream(s) if s.silence.as_secs() == 60));
    let Some(FetchConfig { also, .. }) = &south.fetch else { panic!() };
    assert_eq!(also, &["http://10.0.9.2:8000"]);
    assert!(matches!(&gate.way, Way::Push { credential } if credential == "gate"));
}

#[test]
fn what_does_not_fit_together_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let camera = "[vision]\nbind = '127.0.0.1:0'\n[camera.c]\nname = 'c'\nat = 'c'\nprofile = 'generic_json'\npush = { credential = 'x' }\n";
    let check = |text: &str, expected: &str| {
        let (faults, _) = codes(dir.path(), text);
        assert!(faults.len() == 1 && faults[0].contains(expected), "{text}: {faults:?}");
    };
    check("[vision]\nbind = '127.0.0.1:0'\n", "GH1214");
    check(camera.split_once("[camera").map(|(_, rest)| format!("[camera{rest}")).unwrap().as_str(), "nobody listens");
    check(&format!("{camera}facade = 'b9'\n"), "no facade `b9`");
    check(&format!("{camera}width = 100\n"), "belong together");
    check(
        &format!("{camera}width = 100\nheight = 100\nreference_rows = [{{ row = 1, height_m = 1 }}]\n"),
        "fewer than 3",
    );
    check(&format!("{camera}shield = [{{ name = 'x', polygon = [[0, 0], [1]] }}]\n"), "three corners");
    check(&camera.replace("'generic_json'", "'generic_jsn'"), "no vision profile `generic_jsn`");
    check(&format!("{camera}fetch = {{ url = 'http://10.0.0.1/pics' }}\n"), "path has no use");
    check(&format!("{camera}stream = {{ url = 'http://10.0.0.1' }}\n"), "exactly one of");
    check(
        "[camera.c]\nname = 'c'\nat = 'c'\nprofile = 'generic_json'\nstream = { url = 'http://10.0.0.1' }\n",
        "no event stream",
    );
    let published = "[line.l]\nmqtt_listen = { bind = '127.0.0.1:1883' }\n[camera.c]\nname = 'c'\nat = 'c'\nprofile = 'generic_json'\n";
    check(&format!("{published}mqtt = {{ line = 'l', topic = 't' }}\n"), "logs in");
    let device = "[device.d]\nname = 'd'\nat = 'd'\nprofile = 'smoke/mqtt'\nline = 'l'\ntopic = 'd'\n";
    let profiles = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/_profiles/smoke");
    fs::create_dir(dir.path().join("smoke")).unwrap();
    fs::copy(profiles.join("mqtt.toml"), dir.path().join("smoke/mqtt.toml")).unwrap();
    check(&format!("{published}mqtt = {{ line = 'l', topic = 't', credential = 'c' }}\n{device}"), "cannot log in");
    let broker = published.replace("mqtt_listen = { bind = '127.0.0.1:1883' }", "mqtt = { url = 'mqtt://127.0.0.1' }");
    check(&format!("{broker}mqtt = {{ line = 'l', topic = 't', credential = 'c' }}\n"), "no effect");
    check("[facade.f]\nname = 'f'\nstoreys = 3\nfloor_base_m = [0, 3]\n", "must rise");
    check("[facade.f]\nname = 'f'\nstoreys = 2\nfloor_base_m = [3, 3]\n", "must rise");
}

#[test]
fn the_command_lists_shows_and_tests_vision_profiles_beside_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let done =
            std::process::Command::new(env!("CARGO_BIN_EXE_gatehouse")).arg("profile").args(args).output().unwrap();
        let said = [done.stdout, done.stderr].concat();
        (done.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let (code, said) = run(&["list", "--lang", "zh-CN"]);
    assert!(code == Some(0) && said.contains("vision/hikvision") && said.contains("pump/vfd_generic"), "{said}");
    let (code, said) = run(&["test"]);
    assert!(code == Some(0) && said.contains("0 profiles failed"), "{said}");
    for (id, _) in SHIPPED {
        assert!(said.contains(&format!("ok    vision/{id}: {} vectors", read(id).tests.len())), "{said}");
        let (code, said) = run(&["show", &format!("vision/{id}")]);
        assert!(
            code == Some(0) && said.contains("Sources") && said.contains("Kinds") && said.contains("time"),
            "{said}"
        );
    }
    assert_eq!(run(&["test", "vision/nobody"]).0, Some(1));
    // A site's own, wrong in one fact: by path, and by name from a folder that goes before the shipped ones.
    let (_, text) = SHIPPED.iter().find(|(id, _)| *id == "generic_json").unwrap();
    let wrong = text.replace("object = \"bottle\", confidence = \"0.87\"", "object = \"cup\", confidence = \"0.87\"");
    assert_ne!(*text, wrong);
    let file = dir.path().join("vision/generic_json.toml");
    fs::create_dir(file.parent().unwrap()).unwrap();
    fs::write(&file, wrong).unwrap();
    let folder = dir.path().to_str().unwrap();
    for args in [&["test", file.to_str().unwrap()][..], &["test", "vision/generic_json", "--profiles", folder]] {
        let (code, said) = run(args);
        assert!(code == Some(1) && said.contains("[[test]] 1: object is Some(\"bottle\"), expected \"cup\""), "{said}");
    }
}
