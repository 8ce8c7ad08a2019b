//! Notes what the library is built with, for `ab_build_info`.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let rustc = Command::new(env::var("RUSTC").unwrap_or_default())
        .arg("--version")
        .output();
    let rustc = rustc.map_or_else(
        |_| "unknown".into(),
        |o| String::from_utf8_lossy(&o.stdout).trim().to_owned(),
    );
    println!("cargo::rustc-env=AB_RUSTC={rustc}");
    println!("cargo::rustc-env=AB_TARGET={}", env::var("TARGET").unwrap_or_default());
}
