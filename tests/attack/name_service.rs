//! A service for names: glibc loads its module at the first look-up, from `LD_LIBRARY_PATH` where no system folder has it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use lambda_loader::local::{Bootstrap, Lambda};

use crate::c;
use crate::check::{Mark, manifest};
use crate::support::folder::Folder;
use crate::support::{SOON, bootstrap_path, lambda, output};

/// Looks a host, a user and a protocol up that no file has.
const ASK: &str = "#include <netdb.h>\n#include <pwd.h>\n#include <stddef.h>\n\
    static void look_up(void) { struct addrinfo *found; getaddrinfo(\"nowhere.invalid\", NULL, NULL, &found); \
    getpwnam(\"nobody-at-all\"); getprotobyname(\"no-protocol\"); }\n";

/// A layer with the module, and a `/etc/nsswitch.conf` that names it.
struct Scene {
    files: tempfile::TempDir,
    mark: Mark,
}

impl Scene {
    /// `None` where the system gives no mount namespace. The attack works on a program that does nothing about it.
    fn new() -> Option<Self> {
        if !Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success()) {
            eprintln!("skipped: this system gives no mount namespace (unshare -rm)");
            return None;
        }
        let scene = Scene { files: tempfile::tempdir().unwrap(), mark: Mark::new() };
        fs::create_dir(scene.layer()).unwrap();
        c::shared(&scene.layer(), "libnss_probe.so.2", c::MARK, &[]);
        let services = "hosts: files probe\npasswd: probe files\nprotocols: db probe files\n";
        fs::write(scene.files.path().join("nsswitch.conf"), services).unwrap();
        let asks = c::compile(scene.files.path(), "asks", &format!("{ASK}int main(void) {{ look_up(); return 0; }}"), &[]);
        let mut control = Command::new(scene.start(&asks));
        control.env("LD_LIBRARY_PATH", scene.layer()).env("MISBEHAVE_MARK", scene.mark.path());
        assert!(control.status().unwrap().success());
        assert_eq!(scene.mark.text().as_deref(), Some("code ran"), "the attack does not work even without the loader");
        fs::remove_file(scene.mark.path()).unwrap();
        Some(scene)
    }

    fn layer(&self) -> PathBuf {
        self.files.path().join("lib")
    }

    /// What starts a program there.
    fn start(&self, program: &Path) -> PathBuf {
        let path = self.files.path().join("start");
        let (services, program) = (self.files.path().join("nsswitch.conf"), program.display());
        let text = format!(
            "#!/bin/sh\nPATH=/usr/bin:/bin:/usr/sbin:/sbin\nexport PATH\n\
             exec unshare -rm sh -c 'mount --bind {} /etc/nsswitch.conf && exec {program}'\n",
            services.display()
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Starts `bootstrap` there, and waits for its end.
    fn bootstrap(&self, lambda: &Lambda, variables: &[(&str, &str)]) -> Bootstrap {
        let (mark, layer) = (self.mark.path(), self.layer());
        let mut all = vec![
            ("MISBEHAVE_MARK", mark.to_str().unwrap()),
            ("LD_LIBRARY_PATH", layer.to_str().unwrap()),
            // The folder is one that this process may write.
            ("AWS_SAM_LOCAL", "true"),
        ];
        all.extend_from_slice(variables);
        let process = Bootstrap::spawn(lambda, &self.start(&bootstrap_path()), &all).unwrap();
        process.wait_exit(SOON).unwrap_or_else(|| panic!("{}", output(&process)));
        process
    }
}

#[test]
fn a_module_of_a_name_service_that_no_system_folder_has() {
    let Some(scene) = Scene::new() else { return };
    let source = format!("{ASK}__attribute__((constructor)) static void ask(void) {{ look_up(); }}\n{}", c::note(0, c::NOTE));
    let plugin = c::shared(scene.files.path(), "odd.so", &source, &[]);
    let (folder, lambda) = (Folder::new(&[("odd", &plugin)], manifest()), lambda());
    let path = folder.manifest();
    let pinned = [("LOADER_MANIFEST", path.to_str().unwrap()), ("LOADER_MANIFEST_SHA256", &folder.pin)];
    let process = scene.bootstrap(&lambda, &pinned);
    // The plugin was loaded, so its constructor has asked; it is no real one, which is found out after that.
    assert_eq!(lambda.init_error(SOON).unwrap().error_type.as_deref(), Some("Runtime.LoaderAbiLayout"), "{}", output(&process));
    assert_eq!(scene.mark.text(), None, "the layer's module ran: {}", output(&process));
}

#[test]
fn a_module_of_a_name_service_while_a_refused_start_is_reported_to_a_host_by_its_name() {
    let Some(scene) = Scene::new() else { return };
    let variables = [("LOADER_MANIFEST", "/nowhere/manifest.json"), ("AWS_LAMBDA_RUNTIME_API", "nowhere.invalid:9001")];
    let process = scene.bootstrap(&lambda(), &variables);
    let told = output(&process);
    assert!(told.contains("code=manifest-missing") && told.contains("the failed start could not be reported"), "{told}");
    assert_eq!(scene.mark.text(), None, "the layer's module ran: {told}");
}
