//! The keys and signatures here were made by minisign 0.11.

use super::*;

pub(in crate::verify::trust) const KEY: &str = "RWRBk3kmK6X63koQfqxHngQ1HR2XU02SOCmqV5OvSjXnxVd4vFc5EA2a";
const OTHER_KEY: &str = "RWSc1F1SamhV8tp8J9vGDrY0OvypCkFHQES2QSu81cPLKElCegkgyz/2";
pub(in crate::verify::trust) const SIGNED: &[u8] = br#"{"version":1}"#;
/// Of [`SIGNED`], by [`KEY`].
pub(in crate::verify::trust) const SIGNATURE: &str = concat!(
    "untrusted comment: signature from minisign secret key\n",
    "RURBk3kmK6X63knVCWlp/CBoRzlPHy7PTaau8Dl8PA/V5nQCXL1yD6YBzRAS70MKXJYyEK+l69AcC+t8Gc+jr4ekZtYHN3sVBg0=\n",
    "trusted comment: release 7\n",
    "2xg/e7sR0F1owGBRUQRZR3aKp1OQ6XC7/FSjCXK+FrGH9lMfz9mkoYRNCavaili99VW/grERahEZsPAbIynZCg==\n",
);
/// The same with `-l`.
const LEGACY: &str = concat!(
    "untrusted comment: signature from minisign secret key\n",
    "RWRBk3kmK6X63jXze7+26ISaJGEHX1DYHlhqM4V/jZUY0XAvQ4FHsHk4OkGNigClOVHvtDvt369Y3j+BJCKZqPwOyNaT+gk/DQg=\n",
    "trusted comment: release 7\n",
    "Meqp79CYxVmf3/o4Gl9oJeFjqUq2a1UZ3HU0GpCF9IjhPbE6cwJ1qI9pUSuS0rDd0Hd413jDQnwq+p+3G7tiAQ==\n",
);
/// The same by [`OTHER_KEY`].
const BY_OTHER: &str = concat!(
    "untrusted comment: signature from minisign secret key\n",
    "RUSc1F1SamhV8rSn5UP/y36/ITdDlDflD8iScjBoDRMWL0Nzy9ykImjQX6d++ypzStMMM5IHr+Xo+fm8DnLXhaFjs15vjawpogY=\n",
    "trusted comment: release 7\n",
    "xps5rtclX0mxAiQUZo00DYlLiGDsnzzMopKPvAbbPWqNAZvNTj4UIGCeUVKZGrL4bB2lR9QXP1ODK05VAnVlDQ==\n",
);
/// By [`KEY`], of other bytes.
const OF_OTHER: &str = concat!(
    "untrusted comment: signature from minisign secret key\n",
    "RURBk3kmK6X63o75UNcmvQfPZ91TdnH3/do7adai3ZzMAnxbafcjpdz7Z7qfjNu1RRK19/pGnr8CYvrvvCUfHqXFvQ0/wOHxwAY=\n",
    "trusted comment: release 7\n",
    "kBc1sFisoYapTke2hgF2CSH73+PhhGa8TIRnyDJ+vDtj+3+oIXemz5wfwJaDAMacXGc4cxTbWApS5oIOJpzLCQ==\n",
);
/// As [`SIGNATURE`] with another trusted comment.
const LATER: &str = concat!(
    "untrusted comment: signature from minisign secret key\n",
    "RURBk3kmK6X63knVCWlp/CBoRzlPHy7PTaau8Dl8PA/V5nQCXL1yD6YBzRAS70MKXJYyEK+l69AcC+t8Gc+jr4ekZtYHN3sVBg0=\n",
    "trusted comment: release 8\n",
    "CNIaXVYlcPR5i3qPgmXbzHw9Gy1rjUbfpLy5Lp2pX8p7W4RF8+gzQGZ31jqsJNBHsay8JclLbHpAXgWrIua+Bw==\n",
);

fn key() -> Key {
    Key::parse(KEY).unwrap()
}

#[track_caller]
fn refused(signature: impl AsRef<[u8]>, words: &str) {
    let refusal = key().verify(SIGNED, signature.as_ref()).unwrap_err();
    assert_eq!(refusal.code, Code::SignatureInvalid, "{refusal}");
    assert!(refusal.what.contains(words) && refusal.hint.is_some(), "{refusal}, wanted {words:?}");
}

/// One line of the signature replaced.
fn with_line(number: usize, line: &str) -> String {
    let lines = SIGNATURE.lines().enumerate();
    lines.map(|(at, old)| format!("{}\n", if at == number { line } else { old })).collect()
}

#[test]
fn what_minisign_signs_is_taken() {
    assert_eq!(key().id().to_string(), "DEFAA52B26799341");
    assert_eq!(key().verify(SIGNED, SIGNATURE.as_bytes()).unwrap(), "release 7");
    assert_eq!(key().verify(SIGNED, LATER.as_bytes()).unwrap(), "release 8");
    assert_eq!(Key::parse(OTHER_KEY).unwrap().verify(SIGNED, BY_OTHER.as_bytes()).unwrap(), "release 7");
    // The first line is nobody's word, and says nothing.
    assert!(key().verify(SIGNED, with_line(0, "untrusted comment: ").as_bytes()).is_ok());
    assert!(key().verify(SIGNED, SIGNATURE.replace('\n', "\r\n").as_bytes()).is_ok());
    assert!(key().verify(SIGNED, SIGNATURE.trim_end().as_bytes()).is_ok());
}

#[test]
fn signature_of_another_file() {
    refused(OF_OTHER, "DEFAA52B26799341 did not sign this");
    assert!(key().verify(br#"{"version":1} "#, OF_OTHER.as_bytes()).is_ok());
    assert!(key().verify(b"", SIGNATURE.as_bytes()).is_err());
}

#[test]
fn signature_of_another_key() {
    refused(BY_OTHER, "it is by another key, F255686A525DD49C, and the manifest has to be signed by DEFAA52B26799341");
    // The other key's signature under this one's number.
    let number = |text: &str| STANDARD.decode(text.lines().nth(1).unwrap()).unwrap();
    let mut bytes = number(BY_OTHER);
    bytes[2..10].copy_from_slice(&number(SIGNATURE)[2..10]);
    let forged = BY_OTHER.replace(BY_OTHER.lines().nth(1).unwrap(), &STANDARD.encode(bytes));
    refused(forged, "DEFAA52B26799341 did not sign this");
}

#[test]
fn altered_trusted_comment() {
    refused(with_line(2, "trusted comment: release 8"), "did not sign this");
    refused(with_line(2, "trusted comment: release 7 "), "did not sign this");
    refused(with_line(2, "trusted comment: "), "did not sign this");
    refused(with_line(2, "release 7"), "not a minisign signature");
    refused(with_line(2, "untrusted comment: release 7"), "not a minisign signature");
    // Another comment of the same key, of another signature.
    refused(with_line(2, LATER.lines().nth(2).unwrap()), "did not sign this");
    refused(with_line(3, LATER.lines().nth(3).unwrap()), "did not sign this");
    refused(with_line(3, OF_OTHER.lines().nth(3).unwrap()), "did not sign this");
}

#[test]
fn truncated_signature() {
    // Without its last line break it is whole.
    for end in 0..SIGNATURE.len() - 1 {
        let refusal = key().verify(SIGNED, &SIGNATURE.as_bytes()[..end]).unwrap_err();
        assert_eq!(refusal.code, Code::SignatureInvalid, "{end}: {refusal}");
    }
    refused("", "not a minisign signature, or not all of one");
    refused(b"\xff\xfe", "not a minisign signature");
}

#[test]
fn every_flipped_bit_of_what_is_signed() {
    let binary = |line: usize| STANDARD.decode(SIGNATURE.lines().nth(line).unwrap()).unwrap();
    for line in [1, 3] {
        for bit in 0..binary(line).len() * 8 {
            let mut bytes = binary(line);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let changed = with_line(line, &STANDARD.encode(bytes));
            assert!(key().verify(SIGNED, changed.as_bytes()).is_err(), "line {line}, bit {bit}");
        }
    }
    for bit in 0..SIGNED.len() * 8 {
        let mut bytes = SIGNED.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(key().verify(&bytes, SIGNATURE.as_bytes()).is_err(), "bit {bit}");
    }
}

#[test]
fn a_signature_of_the_bytes_themselves() {
    refused(LEGACY, "it signs the file itself instead of its hash");
    // Passed off as one of the hash.
    let mut bytes = STANDARD.decode(LEGACY.lines().nth(1).unwrap()).unwrap();
    bytes[1] = b'D';
    refused(LEGACY.replace(LEGACY.lines().nth(1).unwrap(), &STANDARD.encode(bytes)), "did not sign this");
}

#[test]
fn what_is_no_key() {
    let mut other_kind = STANDARD.decode(KEY).unwrap();
    other_kind[0] = b'X';
    for text in ["", " ", "RWQ", &KEY[1..], &format!("{KEY} "), &format!("{KEY}\n"), &KEY.to_lowercase()[..55]] {
        assert_eq!(Key::parse(text), None, "{text:?}");
    }
    assert_eq!(Key::parse(&STANDARD.encode(other_kind)), None);
    assert_eq!(Key::parse(&format!("untrusted comment: minisign public key DEFAA52B26799341\n{KEY}")), None);
    assert_eq!(Key::parse(SIGNATURE.lines().nth(1).unwrap()), None);
}

#[test]
fn what_the_build_script_lets_through_is_a_key() {
    assert!(built_in().is_none_or(|key| Key::parse(key).is_some()));
}

#[test]
fn environment_key_beside_a_built_in_key() {
    let check = |built_in: Option<&str>, environment: Option<&str>, expected: Result<Option<&str>, &str>| {
        match (in_force(built_in, environment.map(OsStr::new)), expected) {
            (Ok(key), Ok(wanted)) => assert_eq!(key, wanted.and_then(Key::parse), "{built_in:?} {environment:?}"),
            (Err(refusal), Err(words)) => {
                assert_eq!((refusal.code, refusal.place.as_str()), (Code::KeyInvalid, "LOADER_MANIFEST_KEY"));
                assert!(refusal.what.contains(words) && refusal.hint.is_some(), "{refusal}");
                // What is no key may be a secret that went to the wrong place.
                assert!(environment.is_none_or(|key| key.is_empty() || !refusal.to_string().contains(key)), "{refusal}");
            }
            (got, wanted) => panic!("{built_in:?} {environment:?}: {got:?}, wanted {wanted:?}"),
        }
    };
    check(None, None, Ok(None));
    check(None, Some(KEY), Ok(Some(KEY)));
    check(Some(KEY), None, Ok(Some(KEY)));
    check(Some(KEY), Some(KEY), Ok(Some(KEY)));
    let fixed = Err("it is not DEFAA52B26799341, which is built into this program");
    check(Some(KEY), Some(OTHER_KEY), fixed);
    check(Some(KEY), Some(""), fixed);
    check(Some(KEY), Some("no key at all"), fixed);
    for none in ["", "no key at all", &KEY[..55]] {
        check(None, Some(none), Err("it is not a minisign public key"));
    }
}
