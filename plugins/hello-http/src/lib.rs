//! A web site: an axum `Router` behind API Gateway, a function URL or a load balancer, none of which it knows anything about.

#![deny(unsafe_code)]

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::{StreamExt as _, stream};
use lambda_plugin_abi::{Context, Error};
use serde::{Deserialize, Serialize};

/// The manifest's `config`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What visitors are greeted with.
    greeting: String,
}

/// Lives as long as the process, which is less than a site's data should: a real one keeps them in a database.
#[derive(Debug)]
struct Site {
    config: Config,
    notes: Mutex<Vec<Note>>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Note {
    text: String,
}

fn start(config: Config) -> Result<Site, Error> {
    Ok(Site { config, notes: Mutex::default() })
}

/// Called once, at the start: each request gets a clone.
fn web(site: Arc<Site>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/hello/{name}", get(hello))
        .route("/notes", get(list).post(add))
        .route("/pixel.gif", get(pixel))
        .route("/count/{to}", get(count))
        .with_state(site)
}

/// The context of the invocation is among the request's extensions.
async fn home(State(site): State<Arc<Site>>, Extension(cx): Extension<Context<Site>>) -> impl IntoResponse {
    tracing::info!("somebody is here");
    let cookies = AppendHeaders([(header::SET_COOKIE, "seen=yes; Path=/"), (header::SET_COOKIE, "theme=dark; Path=/")]);
    (cookies, Html(format!("<h1>{}</h1>\n<p>request {}</p>\n", site.config.greeting, cx.request_id())))
}

#[derive(Deserialize)]
struct Style {
    #[serde(default)]
    loud: bool,
}

async fn hello(State(site): State<Arc<Site>>, Path(name): Path<String>, Query(style): Query<Style>) -> String {
    let text = format!("{}, {name}", site.config.greeting);
    if style.loud { text.to_uppercase() } else { text }
}

async fn list(State(site): State<Arc<Site>>) -> Json<Vec<Note>> {
    Json(site.notes.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

async fn add(State(site): State<Arc<Site>>, Json(note): Json<Note>) -> impl IntoResponse {
    let mut notes = site.notes.lock().unwrap_or_else(PoisonError::into_inner);
    notes.push(note);
    (StatusCode::CREATED, [(header::LOCATION, format!("/notes/{}", notes.len()))])
}

/// Bytes that are no text travel in base64; nothing here needs to know.
async fn pixel() -> impl IntoResponse {
    const GIF: &[u8] =
        b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    ([(header::CONTENT_TYPE, "image/gif")], GIF)
}

/// A body that takes its time: it reaches the client number by number where the route says `"reply": "stream"`.
async fn count(Path(to): Path<u32>) -> impl IntoResponse {
    let numbers = stream::iter(1..=to).then(|number| async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok::<_, Infallible>(format!("{number}\n"))
    });
    ([(header::CONTENT_TYPE, "text/plain")], Body::from_stream(numbers))
}

/// A handler beside the site, with the same state: the notes go once a night.
fn sweep(_event: serde_json::Value, cx: Context<Site>) -> Result<usize, Error> {
    Ok(std::mem::take(&mut *cx.state().notes.lock().unwrap_or_else(PoisonError::into_inner)).len())
}

lambda_plugin_abi::export! { start, handlers: { sweep }, http: { web } }

#[cfg(test)]
mod tests;
