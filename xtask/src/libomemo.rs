//! libomemo-c, the peer of the ratchet's measurement: a private copy of Debian's package, and the program built against it.

use crate::Result;
use crate::cargo::Cargo;
use crate::debs::Suite;
use crate::needs::{has_program, library_folders, make_folder, output_of, private_copy, target, tree};
use std::path::PathBuf;
use std::process::Command;

/// Builds `tests/peers/libomemo_rate.c`; the program finds its libraries by itself.
pub(crate) fn rate_program(cargo: &Cargo) -> Result<PathBuf> {
    let folder = private_copy("libomemo-c-1", "libomemo-c (a private copy of Debian's package, 1 MB)", |folder| {
        let suite = Suite::own()?;
        let all = suite.closure(&["libomemo-c-dev"])?;
        let used = |name: &String| name.starts_with("libomemo-c") || name.starts_with("libprotobuf-c");
        suite.unpack(&all.into_iter().filter(used).collect::<Vec<_>>(), folder)
    })?;
    let library = library_folders(&folder, "libomemo-c.so").pop().ok_or("the copy holds no libomemo-c.so")?;
    let compiler = ["cc", "gcc", "clang"].into_iter().find(|name| has_program(name)).ok_or("no C compiler: cc")?;
    let program = target().join("bench/libomemo_rate");
    make_folder(&target().join("bench"))?;
    let mut compile = Command::new(compiler);
    compile.args(["-O2", "-Wno-deprecated-declarations", "-o"]).arg(&program);
    compile.arg(tree().join("tests/peers/libomemo_rate.c"));
    compile.arg("-I").arg(folder.join("usr/include/omemo"));
    if let Some(include) = cargo.variable("OPENSSL_INCLUDE_DIR") {
        compile.arg("-I").arg(include);
    }
    let openssl = cargo.variable("OPENSSL_LIB_DIR").map(PathBuf::from);
    for place in [Some(library), openssl].into_iter().flatten() {
        compile.arg("-L").arg(&place).arg(format!("-Wl,-rpath,{0},-rpath-link,{0}", place.display()));
    }
    output_of(compile.args(["-lomemo-c", "-lcrypto"]))?;
    Ok(program)
}
