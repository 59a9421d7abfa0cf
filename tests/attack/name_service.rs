//! A service for names: glibc loads its module at the first look-up, from `LD_LIBRARY_PATH` where no system folder has it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use lambda_loader::local::Bootstrap;

use crate::c;
use crate::check::{Mark, manifest};
use crate::support::folder::Folder;
use crate::support::{SOON, bootstrap_path, lambda, output};

/// Looks a host, a user and a protocol up that no file has.
const ASK: &str = "#include <netdb.h>\n#include <pwd.h>\n#include <stddef.h>\n\
    static void look_up(void) { struct addrinfo *found; getaddrinfo(\"nowhere.invalid\", NULL, NULL, &found); \
    getpwnam(\"nobody-at-all\"); getprotobyname(\"no-protocol\"); }\n";

#[test]
fn a_module_of_a_name_service_that_no_system_folder_has() {
    if !Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: this system gives no mount namespace (unshare -rm)");
        return;
    }
    let files = tempfile::tempdir().unwrap();
    let layer = files.path().join("lib");
    fs::create_dir(&layer).unwrap();
    c::shared(&layer, "libnss_probe.so.2", c::MARK, &[]);
    let asks = c::compile(files.path(), "asks", &format!("{ASK}int main(void) {{ look_up(); return 0; }}"), &[]);
    let source = format!("{ASK}__attribute__((constructor)) static void ask(void) {{ look_up(); }}\n{}", c::note(0, c::NOTE));
    let plugin = c::shared(files.path(), "odd.so", &source, &[]);
    let services = files.path().join("nsswitch.conf");
    fs::write(&services, "hosts: files probe\npasswd: probe files\nprotocols: db probe files\n").unwrap();
    let start = |program: &str| {
        let path = files.path().join("start");
        let services = services.display();
        let text = format!(
            "#!/bin/sh\nPATH=/usr/bin:/bin:/usr/sbin:/sbin\nexport PATH\n\
             exec unshare -rm sh -c 'mount --bind {services} /etc/nsswitch.conf && exec {program}'\n"
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let mark = Mark::new();
    let (mark_path, layer) = (mark.path(), layer.display().to_string());
    // What happens to a program that does nothing about it.
    let mut control = Command::new(start(&asks.display().to_string()));
    control.env("LD_LIBRARY_PATH", &layer).env("MISBEHAVE_MARK", &mark_path);
    assert!(control.status().unwrap().success());
    assert_eq!(mark.text().as_deref(), Some("code ran"), "the attack does not work even without the loader");
    fs::remove_file(&mark_path).unwrap();

    let folder = Folder::new(&[("odd", &plugin)], manifest());
    let lambda = lambda();
    let variables = [
        ("LOADER_MANIFEST", folder.manifest().to_str().unwrap().to_owned()),
        ("LOADER_MANIFEST_SHA256", folder.pin.clone()),
        ("MISBEHAVE_MARK", mark_path.to_str().unwrap().to_owned()),
        ("LD_LIBRARY_PATH", layer),
        // The folder is one that this process may write.
        ("AWS_SAM_LOCAL", "true".to_owned()),
    ];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let process = Bootstrap::spawn(&lambda, &start(&bootstrap_path().display().to_string()), &variables).unwrap();
    process.wait_exit(SOON).unwrap_or_else(|| panic!("{}", output(&process)));
    // The plugin was loaded, so its constructor has asked; it is no real one, which is found out after that.
    assert_eq!(lambda.init_error(SOON).unwrap().error_type.as_deref(), Some("Runtime.LoaderAbiLayout"), "{}", output(&process));
    assert_eq!(mark.text(), None, "the layer's module ran: {}", output(&process));
}
