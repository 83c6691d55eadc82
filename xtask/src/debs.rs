//! Debian and Ubuntu packages without root: apt-get with folders of its own, unpacked by dpkg.
//!
//! apt-get checks the archive's signatures as always. Dependencies are worked out against an empty machine, so that
//! what is unpacked stands on its own whatever is or is not installed.

use crate::Result;
use crate::needs::{cache, demand_program, has_program, make_folder, output_of, private_copy, read, write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One release of one distribution, with the folders in which apt-get keeps its lists.
pub(crate) struct Suite {
    folder: PathBuf,
    codename: String,
}

/// What `/etc/os-release` says about this machine.
pub(crate) struct Machine {
    /// `debian`, `ubuntu`, …
    pub(crate) id: String,
    /// `bookworm`, `noble`, …
    pub(crate) codename: String,
}

impl Machine {
    /// This machine, or why private packages cannot be had on it.
    pub(crate) fn here() -> Result<Machine> {
        demand_program("apt-get", "private copies come from Debian's or Ubuntu's packages", "apt")?;
        demand_program("dpkg", "it unpacks the packages", "dpkg")?;
        Machine::parse(&read(Path::new("/etc/os-release"))?)
            .ok_or_else(|| "this machine is neither Debian nor Ubuntu: no private copies can be fetched".to_owned())
    }

    fn parse(os_release: &str) -> Option<Machine> {
        let field = |name: &str| {
            let line = os_release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
            Some(line.trim().trim_matches('"').to_owned())
        };
        let id = field("ID")?;
        let codename = field("VERSION_CODENAME")?;
        ["debian", "ubuntu"].contains(&id.as_str()).then_some(Machine { id, codename })
    }
}

impl Suite {
    /// The release that this machine runs.
    pub(crate) fn own() -> Result<Suite> {
        let here = Machine::here()?;
        let (components, keyring) = match here.id.as_str() {
            "ubuntu" => ("main universe", "ubuntu-archive-keyring"),
            _ => ("main", "debian-archive-keyring"),
        };
        let site =
            configured_site(&here.codename).ok_or("apt-get on this machine has no package source of its release")?;
        Suite::prepare(&here.codename, &site, components, system_keyring(keyring))
    }

    /// Debian 13, whatever this machine runs; its programs bring their own loader and C library.
    pub(crate) fn trixie() -> Result<Suite> {
        let here = Machine::here()?;
        if here.codename == "trixie" {
            return Suite::own();
        }
        let keyring = match system_keyring("debian-archive-keyring") {
            Some(keyring) => keyring,
            // Ubuntu packages Debian's keys; the chain of signatures stays whole.
            None => private_copy("debian-keys-1", "Debian's archive keys", |folder| {
                Suite::own()?.unpack(&["debian-archive-keyring".to_owned()], folder)
            })?
            .join("usr/share/keyrings/debian-archive-keyring.gpg"),
        };
        let site = match here.id.as_str() {
            "debian" => configured_site(&here.codename),
            _ => None,
        };
        let site = site.or_else(|| std::env::var("DUNNOCK_DEBIAN").ok());
        let site =
            site.ok_or("set DUNNOCK_DEBIAN to the address of a Debian mirror: Prosody 13 is taken from there")?;
        Suite::prepare("trixie", &site, "main", Some(keyring))
    }

    fn prepare(codename: &str, site: &str, components: &str, keyring: Option<PathBuf>) -> Result<Suite> {
        let suite = Suite { folder: cache()?.join("apt").join(codename), codename: codename.to_owned() };
        make_folder(&suite.folder.join("lists/partial"))?;
        make_folder(&suite.folder.join("cache/archives/partial"))?;
        let signed = keyring.map(|path| format!("[signed-by={}] ", path.display())).unwrap_or_default();
        write(&suite.folder.join("sources.list"), &format!("deb {signed}{site} {codename} {components}\n"))?;
        write(&suite.folder.join("status"), "")?;
        output_of(suite.apt_get().args(["-qq", "update"])).map_err(|problem| {
            format!("the package lists of {codename} cannot be had; is there a network?\n{problem}")
        })?;
        Ok(suite)
    }

    /// apt-get that sees only this release and an empty machine.
    fn apt_get(&self) -> Command {
        let mut command = Command::new("apt-get");
        let folder = self.folder.display();
        for option in [
            format!("Dir::Etc::sourcelist={folder}/sources.list"),
            "Dir::Etc::sourceparts=/nonexistent".to_owned(),
            "Dir::Etc::preferencesparts=/nonexistent".to_owned(),
            "Dir::Etc::preferences=/nonexistent".to_owned(),
            format!("Dir::State::lists={folder}/lists"),
            format!("Dir::State::status={folder}/status"),
            format!("Dir::Cache={folder}/cache"),
            "Acquire::Languages=none".to_owned(),
            "Acquire::Retries=2".to_owned(),
            // Root's downloads would otherwise be handed to a user who may not enter our folders.
            "APT::Sandbox::User=root".to_owned(),
            "Debug::NoLocking=1".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        command.env("LC_ALL", "C");
        command
    }

    /// `wanted` and all that they depend on, recommendations left out.
    pub(crate) fn closure(&self, wanted: &[&str]) -> Result<Vec<String>> {
        let plan = output_of(self.apt_get().args(["-s", "--no-install-recommends", "install"]).args(wanted))?;
        Ok(planned(&plan))
    }

    /// Downloads these packages and unpacks them below `root`; their scripts are not run.
    pub(crate) fn unpack(&self, packages: &[String], root: &Path) -> Result<()> {
        let debs = root.join(".debs");
        make_folder(&debs)?;
        output_of(self.apt_get().current_dir(&debs).args(["-qq", "download"]).args(packages))?;
        let files = std::fs::read_dir(&debs).map_err(|error| format!("{}: {error}", debs.display()))?;
        for file in files.flatten() {
            output_of(Command::new("dpkg").arg("-x").arg(file.path()).arg(root))?;
        }
        std::fs::remove_dir_all(&debs).map_err(|error| format!("{}: {error}", debs.display()))
    }

    /// The release's name, `trixie` for example.
    pub(crate) fn codename(&self) -> &str {
        &self.codename
    }
}

/// Whether private packages can be had here at all.
pub(crate) fn are_possible() -> bool {
    has_program("apt-get") && has_program("dpkg") && Machine::here().is_ok()
}

/// The packages that `apt-get -s install` would install.
fn planned(simulation: &str) -> Vec<String> {
    let lines = simulation.lines().filter_map(|line| line.strip_prefix("Inst "));
    lines.filter_map(|rest| rest.split_whitespace().next()).map(str::to_owned).collect()
}

/// The mirror that the machine's own settings name for this release: a company's or a near one is there for a reason.
fn configured_site(codename: &str) -> Option<String> {
    let targets = output_of(Command::new("apt-get").args(["indextargets", "--format", "$(RELEASE)|$(SITE)"])).ok()?;
    let site = targets.lines().filter_map(|line| line.split_once('|')).find(|(release, _)| *release == codename)?.1;
    site.starts_with("http").then(|| site.trim_end_matches('/').to_owned())
}

fn system_keyring(name: &str) -> Option<PathBuf> {
    let ends = ["gpg", "pgp"];
    ends.iter().map(|end| PathBuf::from(format!("/usr/share/keyrings/{name}.{end}"))).find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_names_the_release() {
        let here = Machine::parse("ID=debian\nVERSION_CODENAME=bookworm\n").unwrap();
        assert_eq!((here.id.as_str(), here.codename.as_str()), ("debian", "bookworm"));
        let here = Machine::parse("VERSION_CODENAME=\"noble\"\nID=\"ubuntu\"\nID_LIKE=debian\n").unwrap();
        assert_eq!((here.id.as_str(), here.codename.as_str()), ("ubuntu", "noble"));
    }

    #[test]
    fn other_systems_are_told_apart() {
        assert!(Machine::parse("ID=fedora\nVERSION_CODENAME=x\n").is_none());
        assert!(Machine::parse("ID=debian\n").is_none());
    }

    #[test]
    fn a_simulation_yields_its_packages_once() {
        let text =
            "Reading package lists...\nInst libc6 (2.41 Debian:13 [amd64])\nConf libc6 (2.41)\nInst lua5.4 (5.4.7)\n";
        assert_eq!(planned(text), ["libc6", "lua5.4"]);
    }
}
