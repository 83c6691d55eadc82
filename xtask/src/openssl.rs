//! OpenSSL's headers and library, which SQLCipher is compiled against.

use crate::Result;
use crate::debs::{self, Suite};
use crate::needs::{demand_program, has_program, library_folders, output_of, private_copy, say};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How SQLCipher gets its OpenSSL.
pub(crate) enum OpenSsl {
    /// The system's headers are in place.
    System,
    /// A private copy of the distribution's package.
    Copy { include: PathBuf, library: PathBuf },
    /// Compiled from source along with everything else.
    Vendored,
}

impl OpenSsl {
    /// The fastest way that this machine offers.
    pub(crate) fn find() -> Result<OpenSsl> {
        let chosen = |name: &str| std::env::var_os(name).is_some();
        if chosen("OPENSSL_DIR") || (chosen("OPENSSL_LIB_DIR") && chosen("OPENSSL_INCLUDE_DIR")) || compiles() {
            return Ok(OpenSsl::System);
        }
        if debs::are_possible() {
            match OpenSsl::copy() {
                Ok(copy) => return Ok(copy),
                Err(problem) => say(&format!("no private copy of OpenSSL's headers: {problem}")),
            }
        }
        if !perl_is_whole() {
            return Err("Perl is missing, or parts of it, and so are OpenSSL's headers; as root: apt-get install \
                        libssl-dev, or else perl"
                .to_owned());
        }
        demand_program("make", "compiling OpenSSL needs it", "make, or libssl-dev instead")?;
        say("OpenSSL's headers are missing, so OpenSSL is compiled too: the first build takes minutes longer");
        say("(as root, apt-get install libssl-dev avoids that)");
        Ok(OpenSsl::Vendored)
    }

    fn copy() -> Result<OpenSsl> {
        let folder = private_copy("openssl-1", "OpenSSL's headers (a private copy of libssl-dev, 6 MB)", |folder| {
            let suite = Suite::own()?;
            // libssl3 was renamed to libssl3t64 on the way: take what libssl-dev itself depends on.
            let wanted = suite.closure(&["libssl-dev"])?;
            let wanted: Vec<String> = wanted.into_iter().filter(|name| name.starts_with("libssl")).collect();
            suite.unpack(&wanted, folder)
        })?;
        let library = library_folders(&folder, "libcrypto.so").pop().ok_or("the copy holds no libcrypto.so")?;
        let include = flat_headers(&folder)?;
        Ok(OpenSsl::Copy { include, library })
    }

    /// What cargo and the programs it builds need in their environment.
    pub(crate) fn environment(&self) -> Vec<(&'static str, OsString)> {
        match self {
            OpenSsl::System | OpenSsl::Vendored => Vec::new(),
            OpenSsl::Copy { include, library } => vec![
                ("OPENSSL_INCLUDE_DIR", include.into()),
                ("OPENSSL_LIB_DIR", library.into()),
                // A bare machine has no libcrypto.so.3 to run with either.
                ("LD_LIBRARY_PATH", joined(library, std::env::var_os("LD_LIBRARY_PATH"))),
            ],
        }
    }

    /// Features that cargo has to be told of.
    pub(crate) fn features(&self) -> &'static [&'static str] {
        match self {
            OpenSsl::Vendored => &["--features", "dunnock-core/vendored-openssl"],
            _ => &[],
        }
    }
}

/// Debian keeps `opensslconf.h` in a folder of the processor's own, but only one include folder can be handed on.
fn flat_headers(folder: &Path) -> Result<PathBuf> {
    let include = folder.join("usr/include");
    let common = include.join("openssl");
    for entry in std::fs::read_dir(&include).map_err(|error| format!("{}: {error}", include.display()))?.flatten() {
        let special = entry.path().join("openssl");
        for header in std::fs::read_dir(special).into_iter().flatten().flatten() {
            let link = common.join(header.file_name());
            if !link.exists() {
                std::os::unix::fs::symlink(header.path(), &link)
                    .map_err(|error| format!("{}: {error}", link.display()))?;
            }
        }
    }
    Ok(include)
}

/// Whether the compiler itself finds headers and library: the one question that matters.
fn compiles() -> bool {
    let compiler = ["cc", "gcc", "clang"].into_iter().find(|name| has_program(name));
    let Some(compiler) = compiler else { return false };
    let source = "#include <openssl/crypto.h>\nint main(void) { return OpenSSL_version_num() == 0; }\n";
    let Ok(folder) = crate::needs::cache() else { return false };
    let program = folder.join(format!("probe-{}", std::process::id()));
    let input = program.with_extension("c");
    let tried = std::fs::write(&input, source).is_ok()
        && Command::new(compiler)
            .arg(&input)
            .arg("-o")
            .arg(&program)
            .arg("-lcrypto")
            .output()
            .is_ok_and(|done| done.status.success());
    let _ = std::fs::remove_file(input);
    let _ = std::fs::remove_file(program);
    tried
}

/// Debian's base system has a Perl without the modules that OpenSSL's configuration uses.
fn perl_is_whole() -> bool {
    let modules = ["-MFindBin", "-MFile::Compare", "-MFile::Copy", "-MIPC::Cmd", "-MTime::Piece", "-e", "1"];
    output_of(Command::new("perl").args(modules)).is_ok()
}

fn joined(first: &Path, rest: Option<OsString>) -> OsString {
    let mut all = OsString::from(first);
    if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
        all.push(":");
        all.push(rest);
    }
    all
}
