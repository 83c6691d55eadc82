//! `cargo xtask ui`: the screens for phones in a window of this computer, over the demonstration's private server.

use crate::Result;
use crate::cargo::Cargo;
use crate::kotlin::Maven;
use crate::needs::{demand_program, read, say, target, tree};
use crate::prosody::Prosody;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Builds what is shown and becomes the program that shows it. `--picture FILE` plays a short scene without a window and
/// draws its end into that file.
pub(crate) fn run(words: &[&str]) -> Result<ExitCode> {
    let picture = match words {
        [] => None,
        ["--picture", file] => Some(std::path::absolute(file).map_err(|error| format!("{file}: {error}"))?),
        _ => return Err("ui knows --picture FILE only".to_owned()),
    };
    if picture.is_none() && std::env::var_os("DISPLAY").is_none_or(|display| display.is_empty()) {
        return Err("there is no display for a window (DISPLAY is not set); --picture FILE needs none".to_owned());
    }
    demand_program("java", "the screens run on it", "openjdk-17-jre")?;
    let cargo = Cargo::ready()?;
    let prosody = Prosody::thirteen()?;
    say("building (some minutes the first time)");
    let mut show = prepared(&cargo, &prosody, &Maven::find()?, picture.as_deref())?;
    Err(format!("the window does not start: {}", show.exec()))
}

/// Builds, and answers the program that shows the window.
pub(crate) fn prepared(cargo: &Cargo, prosody: &Prosody, maven: &Maven, picture: Option<&Path>) -> Result<Command> {
    cargo.build(&[
        "build",
        "-p",
        "dunnock",
        "-p",
        "dunnock-ffi",
        "-p",
        "dunnock-tests",
        "--lib",
        "--bin",
        "dunnock",
        "--bin",
        "window",
    ])?;
    let built = maven.command(&["process-classes"]).status().map_err(|error| format!("mvn does not start: {error}"))?;
    if !built.success() {
        return Err(format!("mvn failed ({built})"));
    }
    let mut show = Command::new(cargo.program("window", "debug"));
    show.env("DUNNOCK_PROSODY", &prosody.folder).env("DUNNOCK_BIN", cargo.program("dunnock", "debug"));
    show.env("DUNNOCK_WINDOW", java(picture.is_some())?.join("\n"));
    if let Some(file) = picture {
        show.env("DUNNOCK_UI_PICTURE", file);
    }
    cargo.equip(&mut show);
    Ok(show)
}

/// Java with the screens, word by word.
fn java(headless: bool) -> Result<Vec<String>> {
    let module = tree().join("android/window/target");
    let classpath = format!("{}:{}", module.join("classes").display(), read(&module.join("classpath"))?.trim());
    Ok(vec![
        "java".to_owned(),
        format!("-Djna.library.path={}", target().join("debug").display()),
        format!("-Djava.awt.headless={headless}"),
        "-Dskiko.renderApi=SOFTWARE".to_owned(),
        "-cp".to_owned(),
        classpath,
        "chat.dunnock.window.MainKt".to_owned(),
    ])
}
