//! One object: asked for, and its bytes taken while they are counted.

use std::cell::Cell;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use rustix::io::Errno;

use super::super::{Body, Budget, Form, LARGEST_TOGETHER, Wanted};
use super::fault;
use crate::policy::s3::{self, S3};
use crate::verify::Content;
use crate::verify::open::{LARGEST, reason};
use crate::verify::seal::Memfd;
use crate::{Code, Refusal};

/// How often the bytes of one object are asked for; requests that fail before their first byte are the SDK's to repeat.
const ATTEMPTS: u32 = 3;

/// How far an object is.
#[derive(Debug, Default)]
struct Arrived {
    received: Cell<u64>,
    announced: Cell<Option<u64>>,
}

/// Fetches one object; the place is left to the caller.
pub(super) async fn fetch(client: &Client, wanted: &Wanted<'_>, budget: Budget, together: &Cell<u64>) -> Result<Body, Refusal> {
    let object = s3::parse(wanted.uri).map_err(|problem| problem.refusal())?;
    let arrived = Arrived::default();
    let work = async {
        for _ in 1..ATTEMPTS {
            match attempt(client, &object, wanted, &arrived, together).await {
                Err(refusal) if refusal.code == Code::RemoteTruncated => {}
                other => return other,
            }
        }
        attempt(client, &object, wanted, &arrived, together).await
    };
    tokio::time::timeout_at(budget.end().into(), work).await.unwrap_or_else(|_| {
        let (received, uri) = (arrived.received.get(), wanted.uri);
        Err(budget.over(&match arrived.announced.get() {
            Some(announced) => format!("{uri}: {received} of {announced} bytes had come"),
            None => format!("{uri}: {received} bytes had come"),
        }))
    })
}

async fn attempt(
    client: &Client,
    object: &S3<'_>,
    wanted: &Wanted<'_>,
    arrived: &Arrived,
    together: &Cell<u64>,
) -> Result<Body, Refusal> {
    arrived.received.set(0);
    let request = client.get_object().bucket(object.bucket).key(object.key);
    let answer = request.set_version_id(object.version.map(str::to_owned)).send().await;
    let answer = answer.map_err(|error| fault::request(wanted.uri, fault::READING, &error))?;
    let announced = answer.content_length.and_then(|length| u64::try_from(length).ok());
    arrived.announced.set(announced);
    let most = match wanted.form {
        Form::Sealed => LARGEST,
        Form::Buffer(most) => most,
    };
    if announced.is_some_and(|announced| announced > most) {
        return Err(too_large(wanted.uri, most));
    }
    let count = |bytes: &[u8]| {
        let received = arrived.received.get() + bytes.len() as u64;
        arrived.received.set(received);
        together.set(together.get().saturating_add(bytes.len() as u64));
        if received > most {
            return Err(too_large(wanted.uri, most));
        }
        if together.get() > LARGEST_TOGETHER {
            return Err(Refusal::new(Code::ArtifactTooLarge, "", "all that is fetched is more than 1 GiB together")
                .hint("name fewer and smaller files, or ship them in a layer"));
        }
        Ok(())
    };
    let broken = |error: &(dyn std::error::Error + 'static)| fault::body(wanted.uri, arrived.received.get(), announced, error);
    match wanted.form {
        Form::Sealed => sealed(answer.body, count, broken).await.map(Body::Sealed),
        Form::Buffer(_) => buffer(answer.body, count, broken).await.map(Body::Buffer),
    }
}

async fn buffer(
    mut body: ByteStream,
    count: impl Fn(&[u8]) -> Result<(), Refusal>,
    broken: impl Fn(&(dyn std::error::Error + 'static)) -> Refusal,
) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| broken(&error))?;
        count(&piece)?;
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Straight into a memory file, which is sealed before it is hashed, on another thread: others go on arriving meanwhile.
async fn sealed(
    mut body: ByteStream,
    count: impl Fn(&[u8]) -> Result<(), Refusal>,
    broken: impl Fn(&(dyn std::error::Error + 'static)) -> Refusal,
) -> Result<Content, Refusal> {
    let mut memfd = Memfd::create().map_err(unsealed)?;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| broken(&error))?;
        count(&piece)?;
        memfd.append(&piece).map_err(unsealed)?;
    }
    let seal = move || Content::sealed(memfd.seal().map_err(unsealed)?);
    let sealed = tokio::task::spawn_blocking(seal).await;
    sealed.unwrap_or_else(|error| Err(Refusal::new(Code::Internal, "", error.to_string())))
}

/// Nothing else than a seal keeps these bytes from changing: there is no file to fall back to.
fn unsealed(errno: Errno) -> Refusal {
    let what = format!("no sealed copy can be made of what is fetched (memfd: {})", reason(errno));
    Refusal::new(Code::SealUnavailable, "", what)
        .hint("allow memfd_create and give the function more memory, or ship the file in a layer")
}

fn too_large(uri: &str, most: u64) -> Refusal {
    let limit = if most >= 1 << 20 { format!("{} MiB", most >> 20) } else { format!("{} KiB", most >> 10) };
    Refusal::new(Code::ArtifactTooLarge, "", format!("{uri}: it is larger than {limit}")).hint("name a smaller object")
}
