//! The commands as a person or a script meets them: exit codes, diagnostics, help, completion, schema.

use serde_json::Value as Json;

use crate::rig::gatehouse;

const SEVEN: &str = "tests/scenarios/seven_faults/gateway.toml";

fn at_root(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test]
async fn check_says_0_for_a_good_site() {
    for site in ["config/gatehouse.toml", "config/demo.toml"] {
        let (code, said, complaints) = gatehouse(&["check", "--config", &at_root(site)]).await;
        assert_eq!(code, 0, "{site}: {complaints}");
        assert!(said.contains("ok:"), "{said}");
    }
}

#[tokio::test]
async fn check_prints_seven_diagnostics_for_seven_faults_at_their_places_and_says_78() {
    let expected = std::fs::read_to_string(at_root("tests/scenarios/seven_faults/expected.txt")).unwrap();
    let places: Vec<(u64, u64)> = expected
        .lines()
        .filter_map(|line| {
            let mut parts = line.strip_prefix("gateway.toml:")?.split(':');
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        })
        .collect();
    assert_eq!(places.len(), 7, "{expected}");
    let (file, profiles) = (at_root(SEVEN), at_root("tests/scenarios/_profiles"));

    let (code, _, said) = gatehouse(&["check", "--config", &file, "--profiles", &profiles]).await;
    assert_eq!(code, 78, "{said}");
    assert_eq!(said.matches("error[GH").count(), 7, "{said}");
    for (line, col) in &places {
        assert!(said.contains(&format!("gateway.toml:{line}:{col}")), "{line}:{col} in {said}");
    }

    let arguments = ["check", "--config", &file, "--profiles", &profiles, "--format", "json", "--lang", "zh-CN"];
    let (code, said, _) = gatehouse(&arguments).await;
    assert_eq!(code, 78);
    let json: Json = serde_json::from_str(&said).unwrap();
    let found: Vec<(u64, u64)> = json["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (d["line"].as_u64().unwrap(), d["col"].as_u64().unwrap()))
        .collect();
    assert_eq!(found, places);
}

#[tokio::test]
async fn wrong_usage_says_64_and_names_the_right_word() {
    for arguments in [&["chekc"][..], &["check", "--confg", "x"], &["run", "--data"], &[]] {
        let (code, said, complaints) = gatehouse(arguments).await;
        assert_eq!(code, 64, "{arguments:?}: {said}{complaints}");
    }
    let (_, _, complaints) = gatehouse(&["chekc"]).await;
    assert!(complaints.contains("check"), "{complaints}");
}

#[tokio::test]
async fn a_missing_file_is_a_bad_configuration_in_words() {
    for command in ["check", "run", "sim"] {
        let (code, _, said) = gatehouse(&[command, "--config", "/nowhere/site.toml"]).await;
        assert_eq!(code, 78, "{command}: {said}");
        assert!(said.contains("/nowhere/site.toml") && said.contains("help"), "{said}");
    }
}

#[tokio::test]
async fn every_command_explains_itself_with_an_example() {
    let (code, help, _) = gatehouse(&["--help"]).await;
    assert_eq!(code, 0);
    assert!(help.contains("Examples:"), "{help}");
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|l| *l != "Commands:")
        .skip(1)
        .take_while(|l| !l.is_empty())
        .filter_map(|l| l.split_whitespace().next())
        .filter(|word| *word != "help")
        .collect();
    assert!(commands.len() >= 9 && commands.contains(&"mock-cloud"), "{commands:?}");
    for command in commands {
        let (code, help, _) = gatehouse(&[command, "--help"]).await;
        assert_eq!(code, 0, "{command}");
        assert!(help.contains("Example") && help.contains(&format!("gatehouse {command}")), "{command}: {help}");
    }
}

#[tokio::test]
async fn version_completion_and_schema_are_for_machines() {
    let (code, version, _) = gatehouse(&["--version"]).await;
    assert_eq!((code, version.trim()), (0, concat!("gatehouse ", env!("CARGO_PKG_VERSION"))));
    let (code, script, _) = gatehouse(&["completions", "bash"]).await;
    assert!(code == 0 && script.contains("complete -F") && script.contains("mock-cloud"), "{script}");
    for of in ["site", "profile"] {
        let (code, schema, _) = gatehouse(&["schema", "--of", of]).await;
        let schema: Json = serde_json::from_str(&schema).unwrap();
        assert!(code == 0 && schema["$schema"].is_string(), "{schema}");
        jsonschema::meta::validate(&schema).unwrap();
    }
}
