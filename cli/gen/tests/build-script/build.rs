//! Makes the actors of `proto/` while the crate is built: `src/lib.rs` includes them.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let out = std::env::var("OUT_DIR")?;
    let config = actorbridge_gen::Config::new(".").include("proto").rust(out);
    config.generate()?.write()?;
    Ok(())
}
