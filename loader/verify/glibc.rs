//! Which glibc runs here.

use std::ffi::CStr;

/// A version of glibc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GlibcVersion {
    /// 2
    pub major: u32,
    /// 34
    pub minor: u32,
    /// Mostly 0.
    pub patch: u32,
}

impl GlibcVersion {
    /// Amazon Linux 2023, `provided.al2023` (<https://docs.aws.amazon.com/linux/al2023/ug/glibc-gcc-and-binutils.html>).
    pub const AL2023: GlibcVersion = GlibcVersion { major: 2, minor: 34, patch: 0 };

    /// Of the glibc in this process.
    #[must_use]
    #[expect(unsafe_code, reason = "glibc tells its version through C only")]
    pub fn running() -> Option<GlibcVersion> {
        // SAFETY: no preconditions; it returns a constant string that is never freed (gnu_get_libc_version(3)).
        let text = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
        // A release between two is told as 2.35.9000.
        GlibcVersion::parse(text.to_str().ok()?)
    }

    /// The major version of gcc that a system with this glibc has: a glibc comes out every half year, a gcc every year, and
    /// distributions take the newest of both (2.34 with 11, as Amazon Linux 2023; 2.36 and 2.37 with 12). Before 7 the numbers ran
    /// otherwise, and nothing that is built today asks for so little.
    #[must_use]
    pub const fn gcc(self) -> u32 {
        match (self.major, self.minor / 2) {
            (3.., _) => u32::MAX,
            (_, half @ 13..) => half - 6,
            _ => 7,
        }
    }

    /// Reads `2.34` or `2.2.5`.
    #[must_use]
    pub fn parse(text: &str) -> Option<GlibcVersion> {
        let mut parts = text.split('.').map(|part| match part.bytes().all(|byte| byte.is_ascii_digit()) {
            true => part.parse().ok(),
            false => None,
        });
        let version = GlibcVersion { major: parts.next()??, minor: parts.next()??, patch: parts.next().unwrap_or(Some(0))? };
        parts.next().is_none().then_some(version)
    }
}

impl std::fmt::Display for GlibcVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch == 0 { Ok(()) } else { write!(f, ".{}", self.patch) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        let check = |text: &str, expected: Option<(u32, u32, u32)>| {
            let expected = expected.map(|(major, minor, patch)| GlibcVersion { major, minor, patch });
            assert_eq!(GlibcVersion::parse(text), expected, "{text}");
            assert!(expected.is_none_or(|version| version.to_string() == text), "{text}");
        };
        check("2.34", Some((2, 34, 0)));
        check("2.2.5", Some((2, 2, 5)));
        for wrong in ["", "2", "2.", ".34", "2.x", "2.34-9", "2.3.4.5", "+2.34", "2.99999999999"] {
            check(wrong, None);
        }
        for (text, gcc) in
            [("2.28", 8), ("2.34", 11), ("2.35", 11), ("2.36", 12), ("2.39", 13), ("2.42", 15), ("2.5", 7), ("3.0", u32::MAX)]
        {
            assert_eq!(GlibcVersion::parse(text).map(GlibcVersion::gcc), Some(gcc), "{text}");
        }
        assert!(GlibcVersion::parse("2.4") < GlibcVersion::parse("2.34"));
        assert!(GlibcVersion::running().unwrap() >= GlibcVersion::parse("2.17").unwrap());
    }
}
