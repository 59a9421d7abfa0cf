//! The ELF note that says what a plugin is without running it. Made at compile time from one list of handlers.

use lambda_plugin_abi_v1 as v1;

/// What the note says. Written as JSON.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// Package name of the plugin.
    pub name: &'static str,
    /// Package version of the plugin.
    pub version: &'static str,
    /// Handlers, in the order of their indices.
    pub handlers: &'static [&'static str],
    /// `unwind` or `abort`.
    pub panic: &'static str,
}

/// The note as it lies in the file (<https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html#note_section>).
#[repr(C, align(4))]
#[derive(Debug)]
pub struct Note<const LENGTH: usize> {
    owner_size: u32,
    descriptor_size: u32,
    kind: u32,
    owner: [u8; OWNER_PADDED],
    descriptor: [u8; LENGTH],
}

const OWNER_SIZE: usize = v1::NOTE_OWNER.len() + 1;
const OWNER_PADDED: usize = OWNER_SIZE.next_multiple_of(4);

impl<const LENGTH: usize> Note<LENGTH> {
    /// The note of `description`, where `LENGTH` is [`Description::length`].
    ///
    /// # Panics
    /// At compile time, where a name breaks the rules: a handler is `[a-z][a-z0-9_-]*`, once; all else is printable ASCII.
    #[must_use]
    pub const fn new(description: &Description) -> Self {
        let mut owner = [0; OWNER_PADDED];
        copy(&mut owner, 0, v1::NOTE_OWNER);
        let mut descriptor = [0; LENGTH];
        let end = description.write(&mut descriptor, true);
        assert!(end == LENGTH);
        Note { owner_size: OWNER_SIZE as u32, descriptor_size: LENGTH as u32, kind: v1::NOTE_TYPE, owner, descriptor }
    }

    /// The descriptor: what `describe` returns.
    #[must_use]
    pub const fn descriptor(&self) -> &[u8] {
        &self.descriptor
    }
}

impl Description {
    /// Length of the descriptor in bytes.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.write(&mut [], false)
    }

    /// Writes the JSON, or only counts its bytes. Returns the number of bytes.
    const fn write(&self, out: &mut [u8], really: bool) -> usize {
        assert!(!self.handlers.is_empty(), "a plugin has at least one handler");
        let mut at = 0;
        at = put(out, at, really, "{\"abi\":");
        at = put_number(out, at, really, v1::ABI);
        at = put_text(out, at, really, ",\"name\":\"", self.name);
        at = put_text(out, at, really, "\",\"version\":\"", self.version);
        at = put(out, at, really, "\",\"handlers\":[");
        let mut index = 0;
        while index < self.handlers.len() {
            let name = self.handlers[index];
            assert!(
                is_name(name),
                "a handler's name is [a-z][a-z0-9_-]*, as in the manifest's `to`: write `handlers: {{ on_message: onMessage }}`"
            );
            let mut earlier = 0;
            while earlier < index {
                assert!(
                    !same(self.handlers[earlier], name),
                    "two handlers of one name: write `handlers: {{ first: path::to::one, second: path::to::another }}`"
                );
                earlier += 1;
            }
            at = put_text(out, at, really, if index == 0 { "\"" } else { ",\"" }, name);
            at = put(out, at, really, "\"");
            index += 1;
        }
        at = put_text(out, at, really, "],\"compiler\":\"", env!("LAMBDA_PLUGIN_COMPILER"));
        at = put_text(out, at, really, "\",\"panic\":\"", self.panic);
        at = put_text(out, at, really, "\",\"kit\":\"", env!("CARGO_PKG_VERSION"));
        at = put_text(out, at, really, "\",\"layout\":\"", v1::FINGERPRINT);
        put(out, at, really, "\"}")
    }
}

const fn put(out: &mut [u8], at: usize, really: bool, text: &str) -> usize {
    if really {
        copy(out, at, text);
    }
    at + text.len()
}

const fn put_text(out: &mut [u8], at: usize, really: bool, before: &str, text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        assert!(
            bytes[index] >= b' ' && bytes[index] < 0x7f && bytes[index] != b'"' && bytes[index] != b'\\',
            "printable ASCII only"
        );
        index += 1;
    }
    let at = put(out, at, really, before);
    put(out, at, really, text)
}

const fn put_number(out: &mut [u8], at: usize, really: bool, number: u32) -> usize {
    assert!(number < 10);
    if really {
        out[at] = b'0' + number as u8;
    }
    at + 1
}

const fn copy(out: &mut [u8], at: usize, text: &str) {
    let mut index = 0;
    while index < text.len() {
        out[at + index] = text.as_bytes()[index];
        index += 1;
    }
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

const fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    if bytes.is_empty() || !bytes[0].is_ascii_lowercase() {
        return false;
    }
    let mut index = 1;
    while index < bytes.len() {
        if !matches!(bytes[index], b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-') {
            return false;
        }
        index += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_is_json_that_names_the_handlers_in_order() {
        const DESCRIPTION: Description =
            Description { name: "orders", version: "1.2.3-a+b", handlers: &["on_message", "nightly"], panic: "unwind" };
        static NOTE: Note<{ DESCRIPTION.length() }> = Note::new(&DESCRIPTION);
        let json: serde_json::Value = serde_json::from_slice(NOTE.descriptor()).unwrap();
        assert_eq!(json["abi"], v1::ABI);
        assert_eq!(json["name"], "orders");
        assert_eq!(json["version"], "1.2.3-a+b");
        assert_eq!(json["handlers"], serde_json::json!(["on_message", "nightly"]));
        assert_eq!(json["layout"], v1::FINGERPRINT);
        assert!(json["compiler"].as_str().unwrap().starts_with("rustc "));
        assert_eq!(std::mem::offset_of!(Note<8>, descriptor), 12 + 16);
        assert_eq!(NOTE.owner_size, 13);
    }

    #[test]
    #[should_panic(expected = "two handlers of one name")]
    fn two_handlers_of_one_name_do_not_compile() {
        // At run time here; in the macro the same assertion is evaluated by the compiler.
        let _ = Description { name: "a", version: "1", handlers: &["x", "x"], panic: "unwind" }.length();
    }
}
