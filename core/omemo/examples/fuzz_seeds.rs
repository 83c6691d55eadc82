//! Writes the inputs that fuzzing begins with into the folder that is named, a folder for each target.
#![allow(clippy::unwrap_used)]

#[path = "../tests/device/mod.rs"]
mod device;
#[path = "../fuzz/targets.rs"]
#[allow(unreachable_pub, dead_code, reason = "the fuzz package is a library, of which only the seeds are used here")]
mod targets;
#[path = "../tests/world/mod.rs"]
mod world;

use std::path::PathBuf;

fn main() {
    let root = PathBuf::from(std::env::args_os().nth(1).expect("the folder to write into"));
    for (number, (target, bytes)) in targets::seeds().into_iter().enumerate() {
        std::fs::create_dir_all(root.join(target)).unwrap();
        std::fs::write(root.join(target).join(format!("seed-{number}")), bytes).unwrap();
    }
}
