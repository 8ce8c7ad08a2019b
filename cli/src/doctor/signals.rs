//! Who installs signal handlers beside the library? What was built is looked into, as far as its objects tell.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Finding, locked};
use crate::capture;

/// The C functions that install a handler.
const INSTALLERS: [&str; 5] = ["sigaction", "__sigaction", "signal", "bsd_signal", "sigset"];
/// What a mangled name of a function has that does so, in Rust: the crate below signal-hook and tokio, and tokio's own.
const RUST_INSTALLERS: [&str; 2] = ["20signal_hook_registry", "5tokio6signal"];
/// The crates that the library itself brings. What `std` installs, it does in a Rust `main`, which a Go program has none of.
const OWN: [&str; 5] = ["actorbridge", "actorbridge_ffi", "signal_hook_registry", "std", "tokio"];
/// Without an archive: crates that are there to install handlers.
const KNOWN: [&str; 3] = ["ctrlc", "nix", "signal-hook"];
const MEND: &str = "install handlers before the first link: ab_signal_guard then mends them, and says so in the log";

/// A handler without SA_ONSTACK would end a Go program.
pub(super) fn check(rust_crate: &Path, go_package: &Path) -> Finding {
    let mut why = format!("there is no archive below {}", go_package.display());
    for archive in archives(go_package) {
        match undefined(&archive) {
            Ok(symbols) => return in_archive(&archive, &symbols),
            Err(reason) => why = reason,
        }
    }
    in_lock(rust_crate, &why)
}

/// The archives that `actorbridge build` has put into a package, `lib/PLATFORM/libNAME.a`.
fn archives(go_package: &Path) -> Vec<PathBuf> {
    let entries = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let platforms = entries(go_package.join("lib"));
    let mut archives: Vec<PathBuf> = platforms.flat_map(entries).collect();
    archives.retain(|path| path.extension().is_some_and(|end| end == "a"));
    archives.sort();
    archives
}

/// Each object of an archive with a symbol that it uses and does not have. The error says why it cannot be known.
fn undefined(archive: &Path) -> Result<Vec<(String, String)>, String> {
    let said = capture(Command::new("nm").args(["-A", "-u"]).arg(archive));
    let said = said.map_err(|e| e.lines().next().unwrap_or_default().to_owned())?; // one finding is one line
    let symbols = read(&said, &archive.display().to_string());
    // Optimisation across crates can make one object of all of them: then none has the name of its crate.
    match symbols
        .iter()
        .any(|(object, symbol)| object == "actorbridge_ffi" && installs(symbol))
    {
        true => Ok(symbols),
        false => Err(format!(
            "the objects of {} do not tell their crates apart",
            archive.display()
        )),
    }
}

/// What `nm -A -u` says: `ARCHIVE:OBJECT:  U SYMBOL`, on macOS without the `U`.
fn read(said: &str, archive: &str) -> Vec<(String, String)> {
    let of_line = |line: &str| {
        let (object, rest) = line.strip_prefix(archive)?.strip_prefix(':')?.split_once(": ")?;
        Some((crate_of(object).to_owned(), rest.split_whitespace().last()?.to_owned()))
    };
    said.lines().filter_map(of_line).collect()
}

/// An object's crate, `CRATE` in `LIBRARY-HASH.CRATE-HASH.CRATE.HASH-cgu.0.rcgu.o`, where parts may be missing at the front.
/// What is compiled from C has its whole name.
fn crate_of(object: &str) -> &str {
    let parts: Vec<&str> = object.split('.').collect();
    let unit = parts.iter().position(|part| part.ends_with("-cgu"));
    unit.and_then(|at| parts.get(at.checked_sub(1)?)).unwrap_or(&object)
}

fn installs(symbol: &str) -> bool {
    let in_c = symbol.split('@').next().unwrap_or_default();
    INSTALLERS.contains(&in_c)
        || in_c.strip_prefix('_').is_some_and(|name| INSTALLERS.contains(&name))
        || RUST_INSTALLERS.iter().any(|part| symbol.contains(part))
}

fn in_archive(archive: &Path, symbols: &[(String, String)]) -> Finding {
    let foreign: BTreeSet<&str> = symbols
        .iter()
        .filter(|(object, symbol)| !OWN.contains(&object.as_str()) && installs(symbol))
        .map(|(object, _)| object.as_str())
        .collect();
    let archive = archive.display();
    const CALLS: &str = "sigaction, signal, signal-hook or tokio::signal (looked at: the symbols that its objects use)";
    if foreign.is_empty() {
        return Finding::good("signals", format!("in {archive} nothing but the library calls {CALLS}"));
    }
    let names = Vec::from_iter(foreign).join(", ");
    Finding::warning("signals", format!("in {archive}, {names} may call {CALLS}"), MEND)
}

fn in_lock(rust_crate: &Path, why: &str) -> Finding {
    let path = rust_crate.join("Cargo.lock");
    let lock = match fs::read_to_string(&path) {
        Ok(lock) => lock,
        Err(e) => {
            let finding = format!("nothing was looked at: {why}, and {}: {e}", path.display());
            return Finding::warning("signals", finding, format!("`cargo check` in {}", rust_crate.display()));
        }
    };
    let found: Vec<&str> = KNOWN.into_iter().filter(|name| locked(&lock, name).is_some()).collect();
    let looked = format!("looked at: only the names in {}, since {why}", path.display());
    match found.is_empty() {
        true => Finding::good("signals", format!("no {} ({looked})", KNOWN.join(", "))),
        false => Finding::warning(
            "signals",
            format!("{} may install handlers ({looked})", found.join(", ")),
            MEND,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    const LIBRARY: &str = "lib.a:actorbridge_ffi-1f.actorbridge_ffi.2e-cgu.0.rcgu.o:                 U sigaction\n";
    const TOKIO: &str = "lib.a:tokio-3c.tokio.4d-cgu.1.rcgu.o: U _ZN20signal_hook_registry8register17h0E\n";

    fn found(said: &str) -> Finding {
        in_archive(Path::new("lib.a"), &read(said, "lib.a"))
    }

    #[test]
    fn what_the_library_brings_is_no_foreign_handler() {
        let finding = found(&format!("nm: of another line\n{LIBRARY}{TOKIO}"));
        assert_eq!(finding.state, State::Good, "{}", finding.finding);
    }

    #[test]
    fn each_way_to_install_a_handler_is_named_with_its_crate() {
        for (line, name) in [
            ("lib.a:shop-1f.shop.2e-cgu.0.rcgu.o:                 U signal", "shop"),
            (
                "lib.a:shop-1f.shop.2e-cgu.0.rcgu.o:          U sigaction@GLIBC_2.2.5",
                "shop",
            ),
            ("lib.a:shop-1f.shop.2e-cgu.0.rcgu.o: _sigaction", "shop"),
            (
                "lib.a:signal_hook-1.signal_hook.2-cgu.0.rcgu.o: U _ZN20signal_hook_registry8register17h0E",
                "signal_hook",
            ),
            (
                "lib.a:shop-1.shop.2-cgu.0.rcgu.o: U _RNvNtNtCs1_5tokio6signal4unix6signal",
                "shop",
            ),
            (
                "lib.a:45c91108d938afe8-crash.o: U sigaction",
                "45c91108d938afe8-crash.o",
            ),
        ] {
            let finding = found(&format!("{LIBRARY}{TOKIO}{line}\n"));
            assert_eq!(finding.state, State::Warning, "{line}");
            assert!(
                finding.finding.starts_with(&format!("in lib.a, {name} may call")),
                "{}",
                finding.finding
            );
        }
        for harmless in ["sigaltstack", "my_signal", "_ZN4shop6signal17h0E"] {
            assert!(!installs(harmless), "{harmless}");
        }
    }

    #[test]
    fn without_an_archive_the_line_says_that_only_names_were_looked_at() {
        let folder = std::env::temp_dir().join(format!("ab-doctor-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let finding = check(&folder, &folder.join("rustcore"));
        assert!(
            finding.finding.starts_with("nothing was looked at"),
            "{}",
            finding.finding
        );
        assert_eq!(finding.state, State::Warning);
        for (lock, state, says) in [
            (
                "",
                State::Good,
                "no ctrlc, nix, signal-hook (looked at: only the names in",
            ),
            (
                "name = \"nix\"\nversion = \"1.0.0\"\n",
                State::Warning,
                "nix may install handlers",
            ),
        ] {
            fs::write(folder.join("Cargo.lock"), lock).expect("written");
            let finding = check(&folder, &folder.join("rustcore"));
            assert_eq!(finding.state, state);
            assert!(finding.finding.starts_with(says), "{}", finding.finding);
            assert!(
                finding.finding.contains("there is no archive below"),
                "{}",
                finding.finding
            );
        }
        fs::remove_dir_all(&folder).expect("removed");
    }
}
