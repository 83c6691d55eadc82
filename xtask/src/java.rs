//! A JDK and a Maven: the machine's own, or private copies of its release's packages.

use crate::Result;
use crate::debs::{self, Suite};
use crate::needs::{has_program, library_folders, output_of, private_copy, write};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How `mvn` is started, and with which JDK.
pub(crate) struct Java {
    maven: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

/// The oldest JDK that the screens' test library takes.
const OLDEST: u32 = 17;

/// Writes a store of the system's authorities, which otherwise a package's script does, as root.
const STORE: &str = r#"
import java.io.*;
import java.security.KeyStore;
import java.security.cert.*;

class Store {
    public static void main(String[] paths) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        int count = 0;
        try (InputStream pem = new FileInputStream(paths[0])) {
            for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
                store.setCertificateEntry("authority" + count++, one);
            }
        }
        try (OutputStream out = new FileOutputStream(paths[1])) {
            store.store(out, "changeit".toCharArray());
        }
    }
}
"#;

impl Java {
    /// The machine's own where it has both, else private copies. The error is a sentence with the remedy.
    pub(crate) fn find() -> Result<Java> {
        let own = ["java", "javac", "mvn"].into_iter().all(has_program);
        if own && version("java").is_some_and(|version| version >= OLDEST) {
            return Ok(Java { maven: "mvn".into(), environment: Vec::new() });
        }
        if !debs::are_possible() {
            return Err(format!("a JDK ({OLDEST} or later) or Maven is missing; install both"));
        }
        let root = private_copy("java-1", "a JDK and Maven (private copies, 250 MB)", fill)?;
        let home = java_home(&root).ok_or("the private JDK is not whole: remove it and try again")?;
        let libraries = library_folders(&root, "libz.so.1");
        let libraries = std::env::join_paths(libraries).map_err(|error| error.to_string())?;
        let store = root.join("authorities.p12");
        // The password is no secret: this kind of store cannot do without one.
        let store =
            format!("-Djavax.net.ssl.trustStore={} -Djavax.net.ssl.trustStorePassword=changeit", store.display());
        let environment = vec![
            ("JAVA_HOME", home.into()),
            ("MAVEN_OPTS", store.into()),
            ("LD_LIBRARY_PATH", libraries),
            ("MAVEN_SKIP_RC", "1".into()),
        ];
        Ok(Java { maven: root.join("usr/share/maven/bin/mvn"), environment })
    }

    /// `mvn` without any words yet.
    pub(crate) fn maven(&self) -> Command {
        let mut command = Command::new(&self.maven);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

fn fill(root: &Path) -> Result<()> {
    let suite = Suite::own()?;
    let all = suite.closure(&["default-jdk-headless", "maven", "ca-certificates"])?;
    let wanted: Vec<String> = all.into_iter().filter(|name| is_used(name)).collect();
    suite.unpack(&wanted, root)?;
    turn_links_inside(root, root)?;
    let home = java_home(root).ok_or("the JDK's packages hold no JDK")?;
    let program = root.join("Store.java");
    write(&program, STORE)?;
    let authorities =
        ["/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"].into_iter().find(|path| Path::new(path).exists());
    let authorities =
        authorities.ok_or("this machine has no certificate authorities; as root: apt-get install ca-certificates")?;
    let mut store = Command::new(home.join("bin/java"));
    let libraries = std::env::join_paths(library_folders(root, "libz.so.1")).map_err(|error| error.to_string())?;
    store.env("LD_LIBRARY_PATH", libraries).arg(&program).arg(authorities).arg(root.join("authorities.p12"));
    output_of(&mut store).map(drop)
}

/// What every machine of this release has, or must not be there twice, is left out.
fn is_used(package: &str) -> bool {
    let unused =
        ["libc6", "libc-bin", "libgcc-s1", "libstdc++6", "gcc-", "libcrypt1", "debconf", "dpkg", "perl", "openssl"];
    !unused.iter().any(|start| package.starts_with(start))
}

/// Packages name their files by where they would be installed; here they lie below `root`.
fn turn_links_inside(root: &Path, folder: &Path) -> Result<()> {
    fn problem(path: &Path) -> impl Fn(std::io::Error) -> String {
        move |error| format!("{}: {error}", path.display())
    }
    for entry in fs::read_dir(folder).map_err(problem(folder))?.flatten() {
        let (path, kind) = (entry.path(), entry.file_type().map_err(problem(folder))?);
        if kind.is_dir() {
            turn_links_inside(root, &path)?;
        } else if kind.is_symlink()
            && let Ok(to) = fs::read_link(&path)
            && let Ok(below) = to.strip_prefix("/")
        {
            fs::remove_file(&path).map_err(problem(&path))?;
            std::os::unix::fs::symlink(root.join(below), &path).map_err(problem(&path))?;
        }
    }
    Ok(())
}

/// The folder of the JDK among the unpacked packages.
fn java_home(root: &Path) -> Option<PathBuf> {
    let folders = fs::read_dir(root.join("usr/lib/jvm")).ok()?.flatten().map(|entry| entry.path());
    folders.filter(|folder| folder.join("bin/javac").exists() && folder.join("lib/modules").exists()).max()
}

/// The version of this `java`, from the word after `version` in `openjdk version "17.0.15" 2025-04-15`.
fn version(program: &str) -> Option<u32> {
    let told = Command::new(program).arg("-version").output().ok()?;
    number(&String::from_utf8_lossy(&told.stderr))
}

fn number(told: &str) -> Option<u32> {
    let version = told.split('"').nth(1)?;
    version.split(['.', '-', '+']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_java_tells_its_version() {
        assert_eq!(number("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK …"), Some(17));
        assert_eq!(number("openjdk version \"21\" 2023-09-19"), Some(21));
        assert_eq!(number("java version \"1.8.0_202\""), Some(1));
        assert_eq!(number("no such thing"), None);
    }

    #[test]
    fn what_the_system_has_is_not_brought_along() {
        assert!(is_used("openjdk-17-jdk-headless") && is_used("libwagon-http-java") && is_used("libz1g"));
        assert!(!is_used("libc6") && !is_used("gcc-12-base"));
    }
}
