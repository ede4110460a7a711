//! The package's build script: how the program is linked, nothing else.
//!
//! Relative relocations are packed (`DT_RELR`): 1.3 MiB of table become 12 KiB, and the loader reads, and so keeps in
//! memory, that much less. Needs glibc 2.36 (Debian 12) at run time on x86-64; a linker that does not know the word for its
//! target ignores it.

fn main() {
    println!("cargo:rerun-if-changed=cross/link.rs");
    let of = |what: &str| std::env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    if of("OS") == "linux" && of("ENV") == "gnu" {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
