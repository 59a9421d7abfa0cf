//! Objects to S3, several at once, and none over another.
//!
//! S3 is asked first, so that what is there need not be sent to be refused; the upload itself then says that it must not replace
//! anything (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>), and which SHA-256 the bytes have, so that
//! S3 keeps no damaged ones.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::types::ChecksumMode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sha2::Digest as _;

use super::bars::Bars;
use super::body;
use super::object::{Object, Same, State};
use crate::fetch::s3::client::{self, Whose};
use crate::fetch::s3::fault;
use crate::policy::s3::{self, S3};
use crate::verify::open::LARGEST;
use crate::verify::trust::LARGEST_SIGNATURE;
use crate::{Code, Digest, Refusal, start};

/// How many objects are uploaded at once: each has a connection of its own.
const AT_ONCE: usize = 8;

/// How often an upload is tried that meets another one of the same key
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>: 409).
const ATTEMPTS: u32 = 4;

/// How long one attempt may take: this, and what a slow line needs for the bytes. The SDK repeats it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// A slow line, in bytes a second.
const SLOW: u64 = 50_000;

/// What whoever uploads has to be allowed.
const WRITING: &str = "allow s3:PutObject on it for whoever pushes";

/// What whoever uploads has to be allowed too, where something is there already.
const COMPARING: &str = "allow s3:GetObject on it and s3:ListBucket on the bucket for whoever pushes: what is there is compared";

/// Uploads what is not there yet, one step after the other, and says what became of each object, in order. With `dry`: asks alone.
pub(super) fn all(steps: &[Vec<&Object>], dry: bool, bars: Bars) -> Result<Vec<State>, Refusal> {
    let bars = &Arc::new(Mutex::new(bars));
    start::runtime()?.block_on(async {
        let client = client::new(Whose::Person).await?;
        let client = &Client::from_conf(client.config().to_builder().timeout_config(patience(0)).build());
        let mut states = Vec::new();
        for step in steps {
            let first = states.len();
            let one = async |(index, object): (usize, &&Object)| {
                let known = |bars: &Arc<Mutex<Bars>>, work: fn(&mut Bars, usize)| {
                    work(&mut bars.lock().unwrap_or_else(PoisonError::into_inner), first + index);
                };
                known(bars, Bars::begin);
                let upload = Upload { client, object, index: first + index, bars };
                let state = upload.run(dry).await.map_err(|refusal| object.refuse(refusal))?;
                known(bars, Bars::end);
                Ok::<State, Refusal>(state)
            };
            let step = stream::iter(step.iter().enumerate()).map(one).buffered(AT_ONCE);
            states.extend(step.try_collect::<Vec<_>>().await?);
        }
        Ok(states)
    })
}

/// One object on its way.
struct Upload<'u> {
    client: &'u Client,
    object: &'u Object,
    /// Its number.
    index: usize,
    bars: &'u Arc<Mutex<Bars>>,
}

/// What lies at a key.
enum Found {
    /// Something, of that length and perhaps with its SHA-256 in Base64.
    Object {
        length: Option<i64>,
        sha256: Option<String>,
    },
    Nothing,
    /// Only an upload will tell: S3 answers so to whoever may not list the bucket, and gives no reason here.
    Unknown,
}

/// What an upload came to.
enum Put {
    Done,
    /// Something lies there.
    Occupied,
    /// Somebody else is uploading it.
    Contended(Refusal),
    /// The server does not know conditions.
    Unconditional(Refusal),
}

impl Upload<'_> {
    async fn run(&self, dry: bool) -> Result<State, Refusal> {
        let S3 { bucket, key, .. } = s3::parse(&self.object.uri).map_err(|problem| problem.refusal())?;
        let at = (bucket, key);
        let mut attempt = 1;
        loop {
            let nothing = match self.look(at).await? {
                Found::Object { length, sha256 } => {
                    self.compare(at, length, sha256.as_deref()).await?;
                    return Ok(State::There);
                }
                Found::Nothing => true,
                Found::Unknown => false,
            };
            if dry {
                return Ok(State::Missing);
            }
            match self.put(at, true).await? {
                Put::Done => return Ok(State::Uploaded),
                Put::Occupied if nothing && attempt < ATTEMPTS => {}
                // Whoever may not be told what lies there cannot be told that it is the same.
                Put::Occupied => return Err(self.hidden()),
                Put::Contended(refusal) if attempt >= ATTEMPTS => return Err(refusal),
                Put::Contended(_) => tokio::time::sleep(Duration::from_millis(250) * attempt).await,
                Put::Unconditional(refusal) if !nothing => return Err(refusal.hint(COMPARING)),
                Put::Unconditional(_) => match self.put(at, false).await? {
                    Put::Done => return Ok(State::Uploaded),
                    Put::Occupied => return Err(self.hidden()),
                    Put::Contended(refusal) | Put::Unconditional(refusal) => return Err(refusal),
                },
            }
            attempt += 1;
        }
    }

    async fn look(&self, (bucket, key): (&str, &str)) -> Result<Found, Refusal> {
        let request = self.client.head_object().bucket(bucket).key(key).checksum_mode(ChecksumMode::Enabled);
        match request.send().await {
            Ok(found) => Ok(Found::Object { length: found.content_length, sha256: found.checksum_sha256 }),
            Err(error) => match status(&error) {
                Some(404) => Ok(Found::Nothing),
                // An answer to such a question has no body: an upload gets the reason.
                Some(400 | 403) => Ok(Found::Unknown),
                _ => Err(fault::request(&self.object.uri, COMPARING, &error)),
            },
        }
    }

    async fn put(&self, (bucket, key): (&str, &str), condition: bool) -> Result<Put, Refusal> {
        let Object { uri, bytes, digest, media, .. } = self.object;
        let request = self
            .client
            .put_object()
            .bucket(bucket)
            .key(key)
            .body(body::of(bytes, self.index, self.bars))
            .content_length(i64::try_from(bytes.size()).unwrap_or(i64::MAX))
            .content_type(*media)
            .checksum_sha256(STANDARD.encode(digest.0))
            .set_if_none_match(condition.then(|| "*".to_owned()))
            .customize()
            .config_override(aws_sdk_s3::config::Builder::new().timeout_config(patience(bytes.size())));
        let Err(error) = request.send().await else { return Ok(Put::Done) };
        let refusal = fault::request(uri, WRITING, &error);
        match status(&error) {
            Some(412) => Ok(Put::Occupied),
            Some(409) => Ok(Put::Contended(refusal)),
            Some(501) => Ok(Put::Unconditional(refusal)),
            _ => Err(refusal),
        }
    }

    /// Refuses what is there if it is not what was to be uploaded.
    async fn compare(&self, at: (&str, &str), length: Option<i64>, sha256: Option<&str>) -> Result<(), Refusal> {
        let Object { uri, bytes, digest, same, .. } = self.object;
        match same {
            Same::Bytes => {
                let size = i64::try_from(bytes.size()).unwrap_or(i64::MAX);
                if let Some(length) = length.filter(|length| *length != size) {
                    return Err(self.other(&format!("{length} bytes lie there, and {size} were to")));
                }
                // Of other uploads S3 may have another checksum, or one of parts.
                if sha256 == Some(&*STANDARD.encode(digest.0)) {
                    return Ok(());
                }
                let mut hash = sha2::Sha256::new();
                self.read(at, LARGEST, |piece| hash.update(piece)).await?;
                let found = Digest(hash.finalize().into());
                if found == *digest { Ok(()) } else { Err(self.other(&format!("the SHA-256 of what lies there is {found}"))) }
            }
            Same::Signature { key, of } => {
                let mut signature = Vec::new();
                self.read(at, LARGEST_SIGNATURE, |piece| signature.extend_from_slice(piece)).await?;
                key.verify(of, &signature).map(drop).map_err(|refusal| {
                    Refusal { what: format!("{uri}: {}", refusal.what), ..refusal }
                        .hint("nothing is overwritten: raise `serial`, or push below another prefix")
                })
            }
        }
    }

    async fn read(&self, (bucket, key): (&str, &str), most: u64, mut take: impl FnMut(&[u8])) -> Result<(), Refusal> {
        let uri = &self.object.uri;
        let answer = self.client.get_object().bucket(bucket).key(key).send().await;
        let mut body = answer.map_err(|error| fault::request(uri, COMPARING, &error))?.body;
        let mut received = 0;
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| fault::body(uri, received, None, &error))?;
            received += piece.len() as u64;
            if received > most {
                return Err(self.other("more bytes lie there"));
            }
            take(&piece);
        }
        Ok(())
    }

    /// The key holds a digest: so somebody else has put something there.
    fn other(&self, what: &str) -> Refusal {
        Refusal::new(Code::DigestMismatch, "", format!("{}: {what}", self.object.uri))
            .hint("nothing is overwritten: find out who wrote it, then delete it, or push below another prefix")
    }

    fn hidden(&self) -> Refusal {
        let what = format!("{}: something lies there already, and what it is cannot be seen", self.object.uri);
        Refusal::new(Code::RemoteDenied, "", what).hint(COMPARING)
    }
}

/// How long an attempt may take that sends so many bytes.
fn patience(bytes: u64) -> TimeoutConfig {
    let attempt = PATIENCE + Duration::from_secs(bytes / SLOW);
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(attempt).build()
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}
