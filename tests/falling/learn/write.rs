//! Writes weights as Rust sources, a unit a line.

use std::fmt::Write as _;
use std::path::Path;

use crate::net::Net;

/// Weights of the trust in ranges.
pub(crate) fn trust<const Q: usize>(net: &Net<Q, 3>) {
    let head = "//! Owns the learnt weights of [`trust`](super), as logits of the levels; written by `tests/falling/learn.rs`.\n";
    save("src/falling/trust/weights.rs", &format!("{head}{}", literal(net)));
}

/// Weights of the classes, with the thresholds that were chosen for them.
pub(crate) fn class<const Q: usize>(net: &Net<Q, 2>, thresholds: &str) {
    let head = "//! Owns the learnt weights of [`class`](super), against \"nothing falls\", and the thresholds chosen for them; written by\n\
                //! `tests/falling/learn.rs`: maximum likelihood with a small decay over simulated tracks.\n";
    save("src/falling/class/weights.rs", &format!("{head}{}{thresholds}", literal(net)));
}

/// A string takes whatever is written.
const FITS: &str = "memory for a source file";

fn literal<const Q: usize, const K: usize>(net: &Net<Q, K>) -> String {
    let (inner, outer, plain) = net.parts();
    let mut text = String::from(
        "\n#![allow(clippy::approx_constant)] // learnt numbers that come near a constant do so by chance\n\
         \nuse super::QUANTITIES;\nuse crate::falling::net::Net;\n\n",
    );
    let units = net.units;
    writeln!(text, "#[rustfmt::skip] // a unit a line\npub(super) static NET: Net<QUANTITIES, {units}, {K}> = Net {{")
        .expect(FITS);
    for (name, part, width) in [("inner", inner, Q), ("outer", outer, units), ("plain", plain, Q)] {
        writeln!(text, "    {name}: [").expect(FITS);
        for row in part.chunks(width.max(1)) {
            let numbers: Vec<String> = row.iter().map(|weight| format!("{weight:.4}")).collect();
            writeln!(text, "        [{}],", numbers.join(", ")).expect(FITS);
        }
        text += "    ],\n";
    }
    text += "};\n";
    text
}

fn save(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::write(&path, text).expect("the source folder is writable");
    println!("wrote {}", path.display());
}
