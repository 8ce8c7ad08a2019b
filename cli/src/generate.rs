//! `actorbridge gen`.

use std::path::PathBuf;

use actorbridge_gen::Config;
use clap::Args;

const ABOUT: &str = "\
Write typed actors, in Go and Rust, from .proto files

actorbridge.toml says what is read and where output goes:

  [proto]
  include = [\"proto\"]       # every .proto file below the first folder
  [rust]
  out = \"rust/src/gen\"      # leave the table out for no Rust
  [go]
  out = \"gen\"               # in a Go module with `tool google.golang.org/protobuf/cmd/protoc-gen-go`

actorbridge.lock, beside it, keeps every released revision of each message: commit it. A change that old readers could not
read is refused.";

/// Write typed actors, in Go and Rust, from .proto files
#[derive(Args)]
#[command(long_about = ABOUT)]
pub(crate) struct Gen {
    /// Write nothing; fail and name what is stale, and each change that may not be
    #[arg(long)]
    check: bool,
    /// Where the configuration is; its paths are relative to its folder
    #[arg(long, value_name = "FILE", default_value = "actorbridge.toml")]
    config: PathBuf,
    /// The latest version of this message or enum was not released: write it anew in the lock file; of a message that the lock
    /// file lacks, begin with the version that it has (may be repeated)
    #[arg(long, value_name = "TYPE", conflicts_with = "check")]
    amend: Vec<String>,
}

impl Gen {
    /// Returns what to say: the good, or what is wrong.
    pub(crate) fn run(self) -> Result<String, String> {
        let mut config = Config::read(&self.config).map_err(|e| e.to_string())?;
        config.amend = self.amend;
        let generated = config.generate().map_err(|e| e.to_string())?;
        let stale: Vec<String> = generated
            .stale()
            .map(|path| format!("\n  {}", path.display()))
            .collect();
        let all = generated.outputs.len();
        if stale.is_empty() {
            return Ok(format!("{all} generated files are up to date"));
        }
        if self.check {
            let lock = config.lock.filter(|lock| !generated.root.join(lock).exists());
            let lost = lock.map_or_else(String::new, |lock| {
                let lock = lock.display();
                format!("\n{lock} is not there: if version control has it, take it from there first")
            });
            return Err(format!(
                "stale, run `actorbridge gen` and commit:{}{lost}",
                stale.concat()
            ));
        }
        generated.write().map_err(|e| e.to_string())?;
        Ok(format!(
            "wrote {} of {all} generated files:{}",
            stale.len(),
            stale.concat()
        ))
    }
}
