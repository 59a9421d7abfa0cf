use super::*;

#[test]
fn system_libraries_are_a_fixed_list() {
    for name in ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "libdl.so.2", "libpthread.so.0", "librt.so.1", "ld-linux-x86-64.so.2"]
    {
        assert!(is_system(name), "{name}");
    }
    for name in [
        "ld-linux",
        "ld-linux-evil.so.1",
        "ld-linux-x86-64.so.2.1",
        "ld-linux/../../tmp/evil.so",
        "ld-linux-x86-64.so.2/../evil.so",
        "libm.so.6/",
    ] {
        assert!(!is_system(name), "{name}");
    }
    for name in ["", "libc.so", "libc.so.6.1", "./libc.so.6", "/lib64/libc.so.6", "libstdc++.so.6", "libz.so.1", "Libc.so.6"] {
        assert!(!is_system(name), "{name}");
    }
}

#[test]
fn a_version_of_glibc_must_exist_here() {
    let check = |version: &str, library: &str, weak: bool, here: &str, missing: bool| {
        let needed = NeededVersion { library: library.into(), version: version.into(), symbol: Some("f".into()), weak };
        match check_version(&needed, GlibcVersion::parse(here).unwrap(), "this is") {
            Ok(()) => assert!(!missing, "{version} {here}"),
            Err(refusal) => {
                assert!(missing, "{refusal}");
                assert_eq!(refusal.code, Code::GlibcVersionMissing);
                assert_eq!(refusal.what, format!("it needs f of {version} in {library}, and this is glibc {here}"));
            }
        }
    };
    check("GLIBC_2.34", "libc.so.6", false, "2.34", false);
    check("GLIBC_2.35", "libc.so.6", false, "2.34", true);
    check("GLIBC_2.35", "libm.so.6", false, "2.34", true);
    check("GLIBC_2.2.5", "libc.so.6", false, "2.34", false);
    check("GLIBC_2.4", "libc.so.6", false, "2.34", false);
    check("GLIBC_3.0", "libc.so.6", false, "2.34", true);
    check("GLIBC_2.35", "libc.so.6", true, "2.34", false);
    check("GLIBC_PRIVATE", "libc.so.6", false, "2.41", true);
    check("GLIBC_ABI_DT_RELR", "libc.so.6", false, "2.35", true);
    check("GLIBC_ABI_DT_RELR", "libc.so.6", false, "2.36", false);
    check("GLIBC_ABI_GNU2_TLS", "libc.so.6", false, "2.34", true);
    check("GLIBC_ABI_GNU2_TLS", "libc.so.6", false, "2.36", false);
    check("GCC_4.2.0", "libgcc_s.so.1", false, "2.34", false);
    check("GLIBC_9.9", "libown.so.1", false, "2.34", false);
}

#[test]
fn a_version_of_libgcc_must_be_as_old_as_the_system_that_is_named() {
    let check = |version: &str, library: &str, weak: bool, gcc: u32, missing: bool| {
        let needed = NeededVersion { library: library.into(), version: version.into(), symbol: Some("f".into()), weak };
        match check_gcc(&needed, gcc) {
            Ok(()) => assert!(!missing, "{version} {gcc}"),
            Err(refusal) => {
                assert!(missing, "{refusal}");
                assert_eq!(refusal.code, Code::GlibcVersionMissing);
                assert_eq!(
                    refusal.what,
                    format!("it needs f of {version} in {library}, and it is to run with that of gcc {gcc}")
                );
            }
        }
    };
    check("GCC_3.0", "libgcc_s.so.1", false, 11, false);
    check("GCC_7.0.0", "libgcc_s.so.1", false, 11, false);
    check("GCC_11.0", "libgcc_s.so.1", false, 11, false);
    check("GCC_12.0.0", "libgcc_s.so.1", false, 11, true);
    check("GCC_14.0.0", "libgcc_s.so.1", false, 13, true);
    check("GCC_14.0.0", "libgcc_s.so.1", true, 13, false);
    check("GCC_14.0.0", "libown.so.1", false, 13, false);
    check("GLIBCXX_3.4.30", "libgcc_s.so.1", false, 11, false);
}
