//! Tables of expressions, and the property that they mean what the `cel` crate says they mean.

use proptest::prelude::*;

use super::*;

const NAMES: &[(&str, VarKind)] = &[
    ("a", VarKind::Number),
    ("b", VarKind::Number),
    ("on", VarKind::Switch),
    ("up", VarKind::Switch),
    ("b3_pump_1.pressure", VarKind::Number),
    ("b3_pump_1.running", VarKind::Switch),
];

/// Value of each name by position above: a=2, b=-3, on=true, up=unknown, pressure=0.4, running=false.
fn value(name: &str) -> f64 {
    let values = [2.0, -3.0, 1.0, f64::NAN, 0.4, 0.0];
    let at = NAMES.iter().position(|(n, _)| *n == name).unwrap();
    values[at]
}

fn slots(expr: &Expr) -> Vec<f64> {
    expr.vars().iter().map(|name| value(name)).collect()
}

fn check(text: &str, wanted: Tri) {
    let expr = Expr::compile_among(text, NAMES).unwrap_or_else(|fault| panic!("{text}: {fault} ({})", fault.help));
    assert_eq!(expr.test(&slots(&expr), Some(3)), wanted, "{text}");
}

fn check_number(text: &str, wanted: Option<f64>) {
    let expr = Expr::compile_among(text, NAMES).unwrap_or_else(|fault| panic!("{text}: {fault} ({})", fault.help));
    assert_eq!(expr.calculate(&slots(&expr), Some(3)), wanted, "{text}");
}

/// The text must be refused; message and help together must contain `says`, and the span must be `at`.
fn check_fault(text: &str, at: &str, says: &str) {
    let fault = Expr::compile_among(text, NAMES).err().unwrap_or_else(|| panic!("{text}: accepted"));
    let said = format!("{} | {}", fault.message, fault.help);
    assert!(said.contains(says), "{text}: {said}");
    assert_eq!(text.get(fault.span.clone()), Some(at), "{text}: {said} at {:?}", fault.span);
}

#[test]
fn conditions_mean_what_people_expect() {
    use Tri::{False, True, Unknown};
    check("a > 1", True);
    check("a + 1 > 2.5", True);
    check("2 * a == 4", True);
    check("a / 4 == 0.5", True);
    check("-a < b", False);
    check("b3_pump_1.pressure < 0.5 && !b3_pump_1.running", True);
    check("on == 1", True);
    check("on != 0", True);
    check("0 == on", False);
    check("on == true", True);
    check("on != b3_pump_1.running", True);
    check("hour() < 5 && hour() >= 3", True);
    check("abs(b) == 3", True);
    check("min(a, b, 7) == b && max(a, b) == a", True);
    check("a > 1 ? on : up", True);
    check("(a > 1) == (b > 1)", False);
    check("true", True);
    // Absorption of the unknown.
    check("up && false", False);
    check("false && up", False);
    check("up || on", True);
    check("up && on", Unknown);
    check("up || false", Unknown);
    check("!up", Unknown);
    check("up == up", Unknown);
    check("up ? true : true", Unknown);
    check("1 / (a - 2) > 0", Unknown);
}

#[test]
fn numbers_are_doubles() {
    check_number("a + 1", Some(3.0));
    check_number("(a - b) / 2 + 0.5", Some(3.0));
    check_number("up ? 1 : 2", None);
    check_number("b3_pump_1.running ? 1 : 0", Some(0.0));
    check_number("1.0 / 0", None);
    check_number("max(a, 1 / 0)", None);
    check_number("hour()", Some(3.0));
    check_number("7 / 2", Some(3.5));
    check_number("-3", Some(-3.0));
    check_number("3u", Some(3.0));
}

#[test]
fn slips_get_one_clear_sentence() {
    check_fault("a > 1 and b > 1", "and", "write `&&`");
    check_fault("a > 1 OR b > 1", "OR", "write `||`");
    check_fault("not on", "not", "write `!`");
    check_fault("a = 1", "=", "write `==`");
    check_fault("a => 1", "=", "write");
    check_fault("on & up", "&", "write `&&`");
    check_fault("a <> b", "<>", "write `!=`");
    check_fault("a ＞ 1", "＞", "write `>`");
    check_fault("（a > 1)", "（", "write `(`");
    check_fault("a ≥ 1", "≥", "write `>=`");
    check_fault("水泵 > 1", "水", "use ids");
    check_fault("b3-pump.flow > 1", "b3", "not part of an id");
    check_fault("b3_pump_1.presure > 1", "b3_pump_1.presure", "did you mean `b3_pump_1.pressure`?");
    check_fault("zzzzzz > 1", "zzzzzz", "nothing is called `zzzzzz`");
    check_fault("on > 1", "on", "a number is needed");
    check_fault("a && on", "a", "compare it");
    check_fault("on == 2", "2", "a switch cannot equal a number");
    check_fault("on == a", "a", "a switch cannot equal a number");
    check_fault("(a > 1", "", "do not match");
    check_fault("a >", "", "stops in the middle");
    check_fault("", "", "empty");
    check_fault("a > \"x\"", "\"x\"", "texts");
    check_fault("a in [1, 2]", "in", "lists");
    check_fault("a % 2 == 0", "%", "`%` is not offered");
    check_fault("sqrt(a) > 1", "(", "no function `sqrt`");
    check_fault("abs(a, b) > 1", "(", "arguments");
    check_fault("a.size() > 1", "(", "not offered");
}

#[test]
fn results_must_fit_their_place() {
    let kind = |name: &str| NAMES.iter().find(|(n, _)| *n == name).map(|(_, k)| *k);
    assert!(Expr::condition("a + 1", &mut |n| kind(n)).is_err());
    assert!(Expr::number("a > 1", &mut |n| kind(n)).is_err());
    assert!(Expr::condition("a > 1", &mut |n| kind(n)).is_ok());
}

#[test]
fn absurd_texts_end_in_a_message() {
    let deep = format!("{}a{} > 1", "(".repeat(1500), ")".repeat(1500));
    let long = format!("a > 1{}", " || a > 1".repeat(1000));
    for text in [
        deep.as_str(),
        long.as_str(),
        &"(".repeat(24),
        &"!".repeat(120),
        &"a?".repeat(120),
        &"-".repeat(120),
        "\0",
        "((((",
        "&&",
        "a..b",
        "a.b.c.d > 1",
        "\n\n>",
        "//",
        "'",
    ] {
        let fault = Expr::compile_among(text, NAMES).err().unwrap_or_else(|| panic!("{text}: accepted"));
        assert!(fault.span.end <= text.len() && !fault.message.is_empty());
    }
}

#[test]
fn the_longest_permitted_texts_work() {
    let nested = format!("{}a > 1{}", "(".repeat(24), ")".repeat(24));
    let sum = format!("a{} > 1", " + a".repeat(120));
    let choices = format!("{}true", "on ? on : ".repeat(60));
    for text in [nested, sum, choices, format!("{}on", "!".repeat(120)), format!("on{}", " || on".repeat(60))] {
        assert!(Expr::compile_among(&text, NAMES).is_ok(), "{text}");
    }
}

#[test]
fn binding_puts_points_and_parameters_in_place() {
    let expr = Expr::compile_among("a > b && on", NAMES).unwrap();
    let program = expr
        .bind(&mut |name| match name {
            "a" => Some(Binding::Slot(7)),
            "b" => Some(Binding::Constant(5.0)),
            _ => Some(Binding::Slot(2)),
        })
        .unwrap();
    assert_eq!(program.slots(), vec![2, 7]);
    let mut table = vec![f64::NAN; 8];
    assert_eq!(program.test(&table, None), Tri::Unknown);
    table[7] = 6.0;
    table[2] = 1.0;
    assert_eq!(program.test(&table, None), Tri::True);
    assert!(expr.bind(&mut |_| None).is_none());
}

fn number_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("c".to_owned()),
        (-40i32..40).prop_map(|n| format!("({:.1})", f64::from(n) / 4.0)),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), prop_oneof![Just("+"), Just("-"), Just("*")], inner.clone())
                .prop_map(|(l, op, r)| format!("({l} {op} {r})")),
            inner.prop_map(|n| format!("(-{n})")),
        ]
    })
}

fn truth_text() -> impl Strategy<Value = String> {
    let compare = (
        number_text(),
        prop_oneof![Just("<"), Just("<="), Just(">"), Just(">="), Just("=="), Just("!=")],
        number_text(),
    )
        .prop_map(|(l, op, r)| format!("({l} {op} {r})"));
    let leaf = prop_oneof![Just("s".to_owned()), Just("t".to_owned()), Just("true".to_owned()), compare];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), prop_oneof![Just("&&"), Just("||"), Just("=="), Just("!=")], inner.clone())
                .prop_map(|(l, op, r)| format!("({l} {op} {r})")),
            inner.clone().prop_map(|t| format!("(!{t})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(q, y, n)| format!("({q} ? {y} : {n})")),
        ]
    })
}

/// Well inside what the compiler accepts: 24 brackets deep, 128 signs that are not brackets.
fn within_limits(text: &str) -> bool {
    let (mut depth, mut deepest, mut signs) = (0_u32, 0, 0);
    for c in text.chars() {
        match c {
            '(' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            ')' => depth = depth.saturating_sub(1),
            '.' => {}
            other => signs += u32::from(other.is_ascii_punctuation()),
        }
    }
    deepest <= 20 && signs <= 120
}

/// What the crate's interpreter says; unknown inputs are left undefined.
fn by_the_crate(text: &str, inputs: [Option<f64>; 5]) -> Tri {
    let program = cel::Program::compile(text).unwrap();
    let mut context = cel::Context::default();
    for (name, value) in ["a", "b", "c"].into_iter().zip(inputs) {
        if let Some(v) = value {
            context.add_variable(name, v).unwrap();
        }
    }
    for (name, value) in ["s", "t"].into_iter().zip([inputs[3], inputs[4]]) {
        if let Some(v) = value {
            context.add_variable(name, v != 0.0).unwrap();
        }
    }
    match program.execute(&context) {
        Ok(cel::Value::Bool(b)) => Tri::from(b),
        _ => Tri::Unknown,
    }
}

proptest! {
    #[test]
    fn the_compiled_tree_agrees_with_the_interpreter(
        text in truth_text().prop_filter("larger than an expression may be", |text| within_limits(text)),
        numbers in prop::array::uniform3(prop::option::weighted(0.8, (-8i32..8).prop_map(|n| f64::from(n) / 2.0))),
        switches in prop::array::uniform2(prop::option::weighted(0.8, prop_oneof![Just(0.0), Just(1.0)])),
    ) {
        let inputs = [numbers[0], numbers[1], numbers[2], switches[0], switches[1]];
        let names = ["a", "b", "c", "s", "t"];
        let kind = |n: &str| names.iter().position(|k| *k == n).map(|at| if at < 3 { VarKind::Number } else { VarKind::Switch });
        let expr = Expr::condition(&text, &mut |n| kind(n)).unwrap();
        let slots: Vec<f64> = expr.vars().iter().map(|v| {
            let at = names.iter().position(|n| *n == &**v).unwrap();
            inputs[at].unwrap_or(f64::NAN)
        }).collect();
        prop_assert_eq!(expr.test(&slots, None), by_the_crate(&text, inputs), "{}", text);
    }

    #[test]
    fn no_text_makes_the_compiler_panic(text in "[ab0-9.+*/<>=&|!?:() _\"'-]{0,40}") {
        if let Err(fault) = Expr::compile_among(&text, NAMES) {
            prop_assert!(text.get(fault.span.clone()).is_some());
        }
    }
}
