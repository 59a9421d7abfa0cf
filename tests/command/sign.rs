//! `keygen`, `sign`, and what they make in the hands of others: minisign itself, and its reimplementation in Python.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::sandbox::{Run, Sandbox, misbehaving};
use crate::support::client;

const MINISIGN_KEY: &str = "RWRBk3kmK6X63koQfqxHngQ1HR2XU02SOCmqV5OvSjXnxVd4vFc5EA2a";
/// As `minisign -G -W` writes it: unlike other tools it leaves the checksum zero.
const MINISIGN_SECRET: &str = "untrusted comment: minisign encrypted secret key\n\
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQZN5Jiul+t6XTEgi2PGIa0BW5vEEWZhbBLvEsFNHPO6W\
f0N0TkXr5EoQfqxHngQ1HR2XU02SOCmqV5OvSjXnxVd4vFc5EA2aAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

/// Locked, for certain functions, with a serial: nothing to warn of.
fn sandbox() -> Sandbox {
    let mut manifest = misbehaving();
    manifest["functions"] = json!(["orders-*"]);
    manifest["serial"] = 7.into();
    Sandbox::locked(&manifest)
}

/// With a key without a password, and its line.
fn with_key() -> (Sandbox, String) {
    let sandbox = sandbox();
    let made = sandbox.run(&["keygen", "--no-password", "--format", "json"]);
    let key = made.done().json()["key"].as_str().unwrap().to_owned();
    (sandbox, key)
}

/// What bootstrap would say to the manifest with that key.
fn verify(sandbox: &Sandbox, key: &str) -> Run {
    let variables = [("LOADER_MANIFEST_KEY", key), ("AWS_LAMBDA_FUNCTION_NAME", "orders-prod")];
    sandbox.run_with(&["verify", "--bootstrap"], &variables, "")
}

fn mode(sandbox: &Sandbox, name: &str) -> u32 {
    fs::metadata(sandbox.path(name)).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_new_key_signs_and_bootstrap_s_check_takes_it() {
    let sandbox = sandbox();
    let made = sandbox.run(&["keygen", "--no-password"]);
    let lines: Vec<_> = made.done().out.lines().collect();
    assert_eq!(lines[..2], ["written   manifest.key  secret: whoever has it signs manifests", "written   manifest.pub"]);
    let key = lines[2].strip_prefix("LOADER_MANIFEST_KEY=").unwrap();
    assert_eq!(sandbox.read("manifest.pub").lines().nth(1), Some(key));
    assert_eq!((mode(&sandbox, "manifest.key"), mode(&sandbox, "manifest.pub")), (0o600, 0o644));

    verify(&sandbox, key).refused(3, "manifest-unsigned", &["manifest.json.minisig: no such file"]);
    let signed = sandbox.run(&["sign"]);
    let id = signed.done().out.lines().next().unwrap().strip_prefix("signed    manifest.json.minisig  by ").unwrap();
    assert_eq!(
        signed.out.lines().skip(1).collect::<Vec<_>>(),
        [&format!("LOADER_MANIFEST_KEY={key}"), "LOADER_MANIFEST_MIN_SERIAL=7"]
    );
    assert_eq!(signed.err, "");
    assert!(sandbox.read("manifest.pub").starts_with(&format!("untrusted comment: minisign public key {id}\n")));
    assert!(sandbox.read("manifest.json.minisig").contains("\tfile:manifest.json\thashed\n"));
    assert!(!verify(&sandbox, key).done().plugin_ran);

    // `verify` applies what the environment says, and only when asked.
    let with = |name, value| [("LOADER_MANIFEST_KEY", key), ("AWS_LAMBDA_FUNCTION_NAME", "orders-prod"), (name, value)];
    let ask = |variables: &[(&str, &str)]| sandbox.run_with(&["verify", "--bootstrap"], variables, "");
    ask(&with("LOADER_MANIFEST_MIN_SERIAL", "8")).refused(
        3,
        "serial-too-old",
        &["7 is below LOADER_MANIFEST_MIN_SERIAL, which is 8"],
    );
    ask(&with("LOADER_MANIFEST_SHA256", &"0".repeat(64))).refused(3, "manifest-pin-mismatch", &[]);
    ask(&[("LOADER_MANIFEST_KEY", key), ("AWS_LAMBDA_FUNCTION_NAME", "billing")]).refused(3, "function-not-listed", &["billing"]);
    ask(&[("LOADER_MANIFEST_KEY", MINISIGN_KEY)]).refused(
        3,
        "signature-invalid",
        &["it is by another key", id, "DEFAA52B26799341"],
    );
    sandbox.run_with(&["verify"], &[("LOADER_MANIFEST_KEY", MINISIGN_KEY)], "").done();

    // What changes the manifest says that the signature is of the old one.
    sandbox.patch("plugins/libecho.so", |bytes| bytes.push(0));
    let locked = sandbox.run(&["lock"]);
    assert!(
        locked.done().err.contains("warning: manifest.json.minisig is of the manifest as it was before: sign it again"),
        "{locked:?}"
    );
    verify(&sandbox, key).refused(3, "signature-invalid", &["did not sign this"]);
    sandbox.run(&["sign"]).done();
    verify(&sandbox, key).done();
}

#[test]
fn what_was_not_locked_is_not_signed() {
    let (sandbox, _) = with_key();
    let unsigned = |sandbox: &Sandbox| assert!(!sandbox.path("manifest.json.minisig").exists());
    sandbox.patch("plugins/libecho.so", |bytes| bytes.push(0));
    sandbox.run(&["sign"]).refused(4, "digest-stale", &["1 digest is missing or stale", "lambda-loader lock"]);
    unsigned(&sandbox);
    fs::remove_file(sandbox.path("plugins/libecho.so")).unwrap();
    sandbox.run(&["sign"]).refused(4, "artifact-missing", &["plugin \"echo\""]);
    unsigned(&sandbox);
    // The files may be elsewhere, or nowhere; a digest that is not there is none.
    sandbox.place("echo", "built/libecho.so");
    sandbox.run(&["sign", "--from", "built"]).done();
    sandbox.run(&["sign", "--unchecked"]).done();
    fs::remove_file(sandbox.path("manifest.json.minisig")).unwrap();
    let mut manifest: Value = serde_json::from_str(&sandbox.read("manifest.json")).unwrap();
    manifest["plugins"]["echo"].as_object_mut().unwrap().remove("sha256");
    sandbox.write("manifest.json", manifest.to_string());
    sandbox.run(&["sign", "--unchecked"]).refused(3, "digest-missing", &["plugin \"echo\"", "lambda-loader lock"]);
    unsigned(&sandbox);
    sandbox.write("manifest.json", "{");
    sandbox.run(&["sign", "--unchecked"]).refused(3, "manifest-syntax", &[]);
    unsigned(&sandbox);
}

#[test]
fn what_a_signature_does_not_say_is_warned_of() {
    let sandbox = Sandbox::locked(&misbehaving());
    sandbox.run(&["keygen", "--no-password"]).done();
    let run = sandbox.run(&["sign"]);
    assert!(
        run.done().err.contains("warning: the manifest has no `functions`: ") && run.err.contains("no `serial`: "),
        "{run:?}"
    );
    assert!(!run.out.contains("MIN_SERIAL"), "{run:?}");
    let json = sandbox.run(&["sign", "--format", "json", "--trusted-comment", "release 7"]);
    let json = (json.done().json(), &json.err);
    assert_eq!((json.1.as_str(), json.0["warnings"].as_array().unwrap().len()), ("", 2));
    assert_eq!((&json.0["trusted_comment"], &json.0["serial"]), (&"release 7".into(), &Value::Null));
    assert_eq!(json.0["sha256"], sandbox.digest("manifest.json"));
    for comment in ["two\nlines", " ahead", "bell\u{7}", &"x".repeat(4097)] {
        sandbox.run(&["sign", "--trusted-comment", comment]).refused(2, "usage", &["--trusted-comment: it "]);
    }
}

#[test]
fn a_key_that_is_there_is_never_overwritten_unasked() {
    let (sandbox, key) = with_key();
    let secret = sandbox.read("manifest.key");
    sandbox.run(&["keygen", "--no-password"]).refused(2, "usage", &["manifest.key: is there already", "--force"]);
    fs::remove_file(sandbox.path("manifest.key")).unwrap();
    sandbox.run(&["keygen", "--no-password"]).refused(2, "usage", &["manifest.pub: is there already"]);
    assert!(!sandbox.path("manifest.key").exists());
    // A link is neither followed nor taken for nothing.
    symlink("elsewhere", sandbox.path("manifest.key")).unwrap();
    sandbox.run(&["keygen", "--no-password"]).refused(2, "usage", &["manifest.key: is there already"]);
    fs::set_permissions(sandbox.path("manifest.pub"), fs::Permissions::from_mode(0o666)).unwrap();
    let forced = sandbox.run(&["keygen", "--no-password", "--force"]);
    assert!(!forced.done().out.contains(&key) && sandbox.read("manifest.key") != secret);
    assert_eq!((mode(&sandbox, "manifest.key"), sandbox.path("elsewhere").exists()), (0o600, false));
    for out in ["x.pub", "..", "nowhere/x"] {
        assert_eq!(sandbox.run(&["keygen", "--no-password", "--out", out]).code, 2, "{out}");
    }
}

#[test]
fn a_key_with_a_password() {
    let sandbox = sandbox();
    let password = [("LOADER_KEY_PASSWORD", "correct horse")];
    let made = sandbox.run_with(&["keygen", "--out", "by-variable"], &password, "");
    assert!(made.done().out.contains("whoever has it and its password signs manifests"), "{made:?}");
    sandbox.run_with(&["sign", "--key", "by-variable"], &password, "").done();
    // A file, or standard input, goes before the variable; its first line counts.
    sandbox.write("password", "correct horse\r\nmore\n");
    let wrong = [("LOADER_KEY_PASSWORD", "wrong battery")];
    sandbox.run_with(&["sign", "--key", "by-variable", "--password-file", "password"], &wrong, "").done();
    sandbox.run_with(&["sign", "--key", "by-variable", "--password-file", "-"], &[], "correct horse\n").done();
    let refused = sandbox.run_with(&["sign", "--key", "by-variable"], &wrong, "");
    refused.refused(2, "usage", &["by-variable: the password is not that of this key"]);
    assert!(!refused.err.contains("battery"), "{refused:?}");
    let empty = sandbox.run_with(&["keygen", "--out", "other"], &[("LOADER_KEY_PASSWORD", "")], "");
    empty.refused(2, "usage", &["LOADER_KEY_PASSWORD: the password is empty", "--no-password"]);
    let long = sandbox.run_with(&["keygen", "--out", "other", "--password-file", "-"], &[], &"x".repeat(1025));
    long.refused(2, "usage", &["standard input: the password is longer than 1024 bytes"]);
    assert_eq!(sandbox.run(&["keygen", "--password-file", "password", "--no-password"]).code, 2);
    assert!(!sandbox.path("other").exists() && !sandbox.path("manifest.key").exists());
}

#[test]
fn what_is_no_secret_key() {
    let (sandbox, _) = with_key();
    let check = |name: &str, words: &str| sandbox.run(&["sign", "--key", name]).refused(2, "usage", &[words]);
    check("nowhere", "nowhere: no such file");
    check("manifest.pub", "it is not a secret key of minisign");
    check("plugins/libecho.so", "libecho.so: ");
    let lines: Vec<_> = MINISIGN_SECRET.lines().collect();
    sandbox.write("short", format!("{}\n{}\n", lines[0], &lines[1][..100]));
    check("short", "it is not a secret key of minisign");
    // One letter within the key.
    sandbox.write("damaged", MINISIGN_SECRET.replace("l0xIItjx", "l0xIItjy").replace("XTEgi2PG", "XTEgi2PH"));
    check("damaged", "the secret key is damaged");
    assert!(!sandbox.path("manifest.json.minisig").exists());
    sandbox.write("minisign.key", MINISIGN_SECRET);
    fs::set_permissions(sandbox.path("minisign.key"), fs::Permissions::from_mode(0o640)).unwrap();
    let run = sandbox.run(&["sign", "--key", "minisign.key"]);
    assert!(run.done().err.starts_with("warning: minisign.key may be read by others (mode 640)"), "{run:?}");
    verify(&sandbox, MINISIGN_KEY).done();
}

/// Runs a script on the folder, with the key's line in `KEY`.
fn judge(sandbox: &Sandbox, program: &std::path::Path, arguments: &[&str], key: &str) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(sandbox.path("")).env("KEY", key).stdin(Stdio::null());
    let output = command.env("TOOL", env!("CARGO_BIN_EXE_lambda-loader")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {text}");
    text
}

#[test]
fn py_minisign_takes_what_is_made_here_and_the_other_way_round() {
    let Some(python) = client("python3", &["-c", "import minisign"]) else { return };
    let (sandbox, key) = with_key();
    sandbox.run(&["sign", "--trusted-comment", "release 7"]).done();
    sandbox.run_with(&["keygen", "--out", "secret.key"], &[("LOADER_KEY_PASSWORD", "correct horse")], "").done();
    let script = r#"
import os
from minisign import KeyPair, PublicKey, SecretKey, Signature, VerifyError
data = open("manifest.json", "rb").read()
signature = Signature.from_file("manifest.json.minisig")
for public in PublicKey.from_file("manifest.pub"), PublicKey.from_base64(os.environ["KEY"]):
    public.verify(data, signature)
    try:
        public.verify(data + b" ", signature)
        raise SystemExit("other bytes verify")
    except VerifyError:
        pass
assert signature.trusted_comment == "release 7" and signature.is_prehashed()
# Its signature by the key that was made here.
secret = SecretKey.from_file("secret.key")
secret.decrypt("correct horse")
by = secret.sign(data, trusted_comment="by python")
open("by-python.minisig", "wb").write(bytes(by))
# Its own keys, with and without a password.
pair = KeyPair.generate()
open("plain.key", "wb").write(bytes(pair.secret_key))
open("plain.pub", "wb").write(bytes(pair.public_key))
pair.secret_key.encrypt("password of python")
open("encrypted.key", "wb").write(bytes(pair.secret_key))
os.chmod("plain.key", 0o600)
os.chmod("encrypted.key", 0o600)
"#;
    judge(&sandbox, &python, &["-c", script], &key);
    let line = |name: &str| sandbox.read(name).lines().nth(1).unwrap().to_owned();
    sandbox.write("manifest.json.minisig", sandbox.read("by-python.minisig"));
    verify(&sandbox, &line("secret.pub")).done();
    sandbox.run(&["sign", "--key", "plain.key"]).done();
    verify(&sandbox, &line("plain.pub")).done();
    sandbox.run_with(&["sign", "--key", "encrypted.key"], &[("LOADER_KEY_PASSWORD", "password of python")], "").done();
    verify(&sandbox, &line("plain.pub")).done();
    judge(
        &sandbox,
        &python,
        &[
            "-c",
            "import minisign as m; m.PublicKey.from_file('plain.pub').verify(open('manifest.json', 'rb').read(), m.Signature.from_file('manifest.json.minisig'))",
        ],
        &key,
    );
}

#[test]
fn minisign_takes_what_is_made_here_and_the_other_way_round() {
    let Some(minisign) = client("minisign", &["-v"]) else { return };
    let (sandbox, key) = with_key();
    sandbox.run(&["sign", "--trusted-comment", "release 7"]).done();
    let said = judge(&sandbox, &minisign, &["-V", "-H", "-P", &key, "-m", "manifest.json"], &key);
    assert!(said.contains("Trusted comment: release 7"), "{said}");
    judge(&sandbox, &minisign, &["-V", "-p", "manifest.pub", "-m", "manifest.json"], &key);
    fs::remove_file(sandbox.path("manifest.json.minisig")).unwrap();
    judge(&sandbox, &minisign, &["-S", "-s", "manifest.key", "-m", "manifest.json"], &key);
    verify(&sandbox, &key).done();
    judge(&sandbox, &minisign, &["-S", "-l", "-s", "manifest.key", "-m", "manifest.json"], &key);
    verify(&sandbox, &key).refused(3, "signature-invalid", &["it signs the file itself instead of its hash"]);
    judge(&sandbox, &minisign, &["-G", "-W", "-s", "theirs.key", "-p", "theirs.pub"], &key);
    sandbox.run(&["sign", "--key", "theirs.key"]).done();
    verify(&sandbox, sandbox.read("theirs.pub").lines().nth(1).unwrap()).done();
}

#[test]
fn a_password_is_asked_for_on_the_terminal_and_not_shown() {
    let Some(python) = client("python3", &["-c", "import pty"]) else { return };
    let (sandbox, key) = with_key();
    // Standard output is no terminal: the question goes to the terminal all the same.
    let script = r#"
import os, pty, termios, time
def ask(arguments, answers):
    pid, terminal = pty.fork()
    if pid == 0:
        os.dup2(os.open("out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
        os.execve(os.environ["TOOL"], ["lambda-loader"] + arguments, {})
    seen = b""
    def until(words):
        told = b""
        while words not in told:
            told += os.read(terminal, 1024)
        return told
    for question, answer in answers:
        seen += until(question)
        # As a person would, who types after the question: rpassword asks first and silences the terminal then.
        while termios.tcgetattr(terminal)[3] & termios.ECHO:
            time.sleep(0.001)
        os.write(terminal, answer + b"\n")
    while True:
        try:
            more = os.read(terminal, 1024)
        except OSError:
            break
        if not more:
            break
        seen += more
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen
code, seen = ask(["keygen", "--out", "asked.key"], [(b"Password for the new key: ", b"correct horse"), (b"The same again: ", b"correct horse")])
assert code == 0 and b"horse" not in seen, (code, seen)
code, seen = ask(["sign", "--key", "asked.key"], [(b"Password of asked.key: ", b"correct horse")])
assert code == 0 and b"horse" not in seen, (code, seen)
code, seen = ask(["sign", "--key", "asked.key"], [(b"Password of asked.key: ", b"wrong")])
assert code == 2 and b"the password is not that of this key" in seen, (code, seen)
code, seen = ask(["keygen", "--out", "two.key"], [(b"Password for the new key: ", b"one"), (b"The same again: ", b"two")])
assert code == 2 and b"the two are not the same" in seen and not os.path.exists("two.key"), (code, seen)
"#;
    judge(&sandbox, &python, &["-c", script], &key);
    verify(&sandbox, sandbox.read("asked.pub").lines().nth(1).unwrap()).done();
    // Where there is none, nothing waits.
    let script = "import os, subprocess; print(subprocess.run([os.environ['TOOL'], 'keygen', '--out', 'none.key'], \
                  stdin=subprocess.DEVNULL, start_new_session=True, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, env={}).stdout.decode())";
    let said = judge(&sandbox, &python, &["-c", script], &key);
    assert!(
        said.contains("there is no terminal to ask for it on (hint: give --password-file FILE, or set LOADER_KEY_PASSWORD, or "),
        "{said}"
    );
    assert!(!sandbox.path("none.key").exists());
}
