//! S3 Object Lambda: an object on its way to whoever asked for it.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/olap-writing-lambda.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_WriteGetObjectResponse.html>

use std::time::SystemTime;

use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use lambda_plugin_abi::{Context, Error};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::address;
use super::{Aws, region};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    get_object_context: Option<Get>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Get {
    input_s3_url: String,
    output_route: String,
    output_token: String,
}

/// Gives a document without its `email`. What was asked by `HEAD` or `LIST` has an answer that is the reply, and is not for this one.
pub(super) async fn object(event: Asked, cx: Context<Aws>) -> Result<Value, Error> {
    let get = event.get_object_context.ok_or_else(|| Error::new("NotGet", "only GetObject is answered"))?;
    let region = region(&cx)?;
    let point = format!(".s3-accesspoint.{region}.amazonaws.com");
    let input = address(&get.input_s3_url, |host| host.ends_with(&point))?;
    let original = cx.state().https.send(Request::get(input).body(Full::default())?).await?;
    let mut document: serde_json::Map<String, Value> = serde_json::from_slice(&original)?;
    document.remove("email");
    cx.state().https.send(answer(&get, serde_json::to_vec(&document)?, region, cx.state())?).await?;
    // Nobody reads the reply.
    Ok(json!({ "statusCode": 200 }))
}

/// `WriteGetObjectResponse`, signed: the one request for which it does not take an SDK.
fn answer(get: &Get, body: Vec<u8>, region: &str, aws: &Aws) -> Result<Request<Full<Bytes>>, Error> {
    let credentials = aws.credentials.clone().ok_or_else(|| Error::new("NotSigned", "there are no credentials"))?;
    let route = &get.output_route;
    if !route.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(Error::new("AddressRefused", "the event's route is no name"));
    }
    let port = aws.config.port.map_or_else(String::new, |port| format!(":{port}"));
    let address = format!("https://{route}.s3-object-lambda.{region}.amazonaws.com{port}/WriteGetObjectResponse");
    let headers =
        [("x-amz-request-route", route.as_str()), ("x-amz-request-token", &get.output_token), ("x-amz-fwd-status", "200")];
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let identity = credentials.into();
    let params = SigningParams::builder().identity(&identity).region(region).name("s3-object-lambda");
    let params = params.time(SystemTime::now()).settings(settings).build()?.into();
    let signable = SignableRequest::new("POST", &address, headers.into_iter(), SignableBody::Bytes(&body))?;
    let (signature, _) = sign(signable, &params)?.into_parts();
    let mut request = Request::post(&address);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let mut request = request.body(Full::from(body))?;
    signature.apply_to_request_http1x(&mut request);
    Ok(request)
}
