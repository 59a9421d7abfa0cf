//! The password of a secret key: from a file, from the environment, or asked for on the terminal, where it is not shown.

use clap::Args;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::{Code, Refusal};

/// The variable that may hold the password.
const VARIABLE: &str = "LOADER_KEY_PASSWORD";

/// The longest password, in bytes; as for minisign.
const LONGEST: usize = 1024;

#[derive(Debug, Args)]
pub(super) struct Password {
    /// The file whose first line is the key's password, - for standard input [default: LOADER_KEY_PASSWORD, else asked for on the
    /// terminal]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl Password {
    /// The password of a new key, asked for twice.
    pub(super) fn new_one(&self) -> Result<String, Refusal> {
        if let Some(given) = self.given()? {
            return Ok(given);
        }
        let password = ask("Password for the new key: ", ", or choose --no-password")?;
        if ask("The same again: ", ", or choose --no-password")? != password {
            return Err(Refusal::new(Code::Usage, "password", "the two are not the same").hint("start again"));
        }
        Ok(password)
    }

    /// The password of a key that there is.
    pub(super) fn of(&self, key: &Path) -> Result<String, Refusal> {
        match self.given()? {
            Some(given) => Ok(given),
            None => ask(&format!("Password of {}: ", key.display()), ""),
        }
    }

    /// Whatever needs nobody to ask.
    fn given(&self) -> Result<Option<String>, Refusal> {
        if let Some(file) = &self.password_file {
            return from_file(file).map(Some);
        }
        let Some(password) = std::env::var_os(VARIABLE) else { return Ok(None) };
        let password = password.into_string().map_err(|_| refuse(VARIABLE, "is not UTF-8"))?;
        checked(password, VARIABLE).map(Some)
    }
}

fn refuse(place: &str, what: impl Into<String>) -> Refusal {
    Refusal::new(Code::Usage, place, what).hint("give the key's password, or --no-password for a new key without one")
}

fn from_file(path: &Path) -> Result<String, Refusal> {
    let standard = path.as_os_str() == "-";
    let place = if standard { "standard input".to_owned() } else { path.display().to_string() };
    let mut text = String::new();
    let most = LONGEST as u64 + 3;
    let read = match standard {
        true => std::io::stdin().lock().take(most).read_to_string(&mut text),
        false => std::fs::File::open(path).and_then(|file| file.take(most).read_to_string(&mut text)),
    };
    read.map_err(|error| refuse(&place, error.to_string().to_lowercase()))?;
    checked(text.lines().next().unwrap_or_default().to_owned(), &place)
}

fn checked(password: String, place: &str) -> Result<String, Refusal> {
    match password.len() {
        0 => Err(refuse(place, "the password is empty")),
        1..=LONGEST => Ok(password),
        _ => Err(refuse(place, format!("the password is longer than {LONGEST} bytes"))),
    }
}

/// On the terminal itself: standard input and output may be anything else.
fn ask(prompt: &str, or: &str) -> Result<String, Refusal> {
    let password = rpassword::prompt_password(prompt).map_err(|_| {
        Refusal::new(Code::Usage, "password", "there is no terminal to ask for it on")
            .hint(format!("give --password-file FILE, or set {VARIABLE}{or}"))
    })?;
    checked(password, "password")
}
