//! Where a password comes from: a file, a person at a terminal, or the first line of standard input.

use dunnock_core::{Error, ErrorKind, Result};
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::Path;
use zeroize::Zeroizing;

/// The longest password that is read, in bytes.
const LONGEST: u64 = 4096;

/// The password of `jid`: the first line of `file`, else asked for without echo on a terminal, else the first line of
/// standard input. Never empty.
pub(crate) fn ask(jid: &str, file: Option<&Path>) -> Result<Zeroizing<String>> {
    let (password, source) = match file {
        Some(path) => (File::open(path).and_then(|file| first_line(BufReader::new(file))), path.display().to_string()),
        None if io::stdin().is_terminal() => {
            let prompt = format!("Password of {}: ", crate::safe::line(jid));
            (rpassword::prompt_password(prompt).map(Zeroizing::new), "the terminal".to_owned())
        }
        None => (first_line(io::stdin().lock()), "standard input".to_owned()),
    };
    match password {
        Ok(password) if password.is_empty() => {
            Err(Error::about(ErrorKind::InvalidInput, format!("the password from {source} (it is empty)")))
        }
        Ok(password) => Ok(password),
        Err(error) => Err(Error::about(ErrorKind::File, format!("the password from {source} ({})", error.kind()))),
    }
}

/// The first line, without its end. A longer line than a password can be is an error.
fn first_line(reader: impl BufRead) -> io::Result<Zeroizing<String>> {
    // Sized before it is read, so that no reallocation leaves a copy behind.
    let mut line = Zeroizing::new(String::with_capacity(LONGEST as usize + 2));
    let read = reader.take(LONGEST + 2).read_line(&mut line)?;
    if line.ends_with('\n') {
        line.pop();
        if line.ends_with('\r') {
            line.pop();
        }
    } else if read as u64 > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_counts_and_spaces_belong_to_it() {
        let password = |text: &str| first_line(text.as_bytes()).unwrap().to_string();
        assert_eq!(password("secret\nmore"), "secret");
        assert_eq!(password("secret\r\n"), "secret");
        assert_eq!(password(" a b "), " a b ");
        assert_eq!(password("\nmore"), "");
    }

    #[test]
    fn a_line_without_end_is_not_cut_to_a_wrong_password() {
        let long = "x".repeat(5000);
        assert!(first_line(long.as_bytes()).is_err());
        assert_eq!(first_line("y".repeat(4096).as_bytes()).unwrap().len(), 4096);
    }

    #[test]
    fn an_empty_password_is_refused() {
        let scratch = crate::scratch::Scratch::new();
        let path = scratch.path().join("password");
        std::fs::write(&path, "\n").unwrap();
        assert_eq!(ask("j@a", Some(&path)).err().unwrap().kind, ErrorKind::InvalidInput);
        assert_eq!(ask("j@a", Some(&scratch.path().join("none"))).err().unwrap().kind, ErrorKind::File);
    }
}
