//! API Gateway: by token or by request, of REST, HTTP and WebSocket APIs. What a handler may reply is a property of the authorizer, of
//! which the event tells nothing, so each kind of reply is a handler.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html>,
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>

use aws_lambda_events::event::apigw::{
    ApiGatewayCustomAuthorizerPolicy, ApiGatewayCustomAuthorizerRequest, ApiGatewayCustomAuthorizerRequestTypeRequest,
    ApiGatewayV2CustomAuthorizerIamPolicyResponse, ApiGatewayV2CustomAuthorizerSimpleResponse,
    ApiGatewayV2CustomAuthorizerV2Request,
};
use aws_lambda_events::event::iam::IamPolicyEffect;
use lambda_plugin_abi::{Context, Error};
use serde_json::json;

use super::{Config, document};

/// All kinds of API take this one.
type Policy = ApiGatewayV2CustomAuthorizerIamPolicyResponse;

/// 401, and the client may try again; a policy that denies is 403.
fn unauthorized() -> Error {
    Error::new("Unauthorized", "Unauthorized")
}

fn answer(principal: Option<&str>, arn: Option<&str>) -> Result<Policy, Error> {
    // Kept for this client for a while and applied to all that it asks: so it names the stage, not only the method of this request.
    let stage: Vec<&str> = arn.ok_or("the event has no ARN")?.splitn(3, '/').take(2).collect();
    let effect = if principal.is_some() { IamPolicyEffect::Allow } else { IamPolicyEffect::Deny };
    let document = document(effect, "execute-api:Invoke", format!("{}/*", stage.join("/")));
    let mut reply = Policy::default();
    reply.principal_id = Some(principal.unwrap_or("nobody").to_owned());
    reply.policy_document = ApiGatewayCustomAuthorizerPolicy::default();
    reply.policy_document.version = document.version;
    reply.policy_document.statement = document.statement;
    // Strings, numbers and truth values, nothing deeper: the integration finds them in its event.
    reply.context = json!({ "known": principal.is_some() });
    Ok(reply)
}

/// `TOKEN`, of a REST API.
pub(super) fn token(event: ApiGatewayCustomAuthorizerRequest, cx: Context<Config>) -> Result<Policy, Error> {
    let token = event.authorization_token.ok_or_else(unauthorized)?;
    answer(cx.state().principal(&token), event.method_arn.as_deref())
}

/// `REQUEST`, of a REST API, or of an HTTP API with payload 1.0.
pub(super) fn request(event: ApiGatewayCustomAuthorizerRequestTypeRequest, cx: Context<Config>) -> Result<Policy, Error> {
    let token = event.headers.get("authorization").and_then(|token| token.to_str().ok()).ok_or_else(unauthorized)?;
    answer(cx.state().principal(token), event.method_arn.as_deref())
}

/// `REQUEST`, of a WebSocket API's `$connect`. Browsers send no headers of the page's own, so the token is in the query.
pub(super) fn websocket(event: ApiGatewayCustomAuthorizerRequestTypeRequest, cx: Context<Config>) -> Result<Policy, Error> {
    let token = event.query_string_parameters.first("token").ok_or_else(unauthorized)?;
    answer(cx.state().principal(token), event.method_arn.as_deref())
}

/// Payload 2.0, of an HTTP API, where the authorizer has "simple responses" off.
pub(super) fn policy(event: ApiGatewayV2CustomAuthorizerV2Request, cx: Context<Config>) -> Result<Policy, Error> {
    answer(principal(&event, cx.state()), event.route_arn.as_deref())
}

/// Payload 2.0, of an HTTP API, where it has them on.
pub(super) fn simple(
    event: ApiGatewayV2CustomAuthorizerV2Request,
    cx: Context<Config>,
) -> Result<ApiGatewayV2CustomAuthorizerSimpleResponse, Error> {
    let principal = principal(&event, cx.state());
    let mut reply = ApiGatewayV2CustomAuthorizerSimpleResponse::default();
    reply.is_authorized = principal.is_some();
    reply.context = principal.map_or_else(|| json!({}), |principal| json!({ "principal": principal }));
    Ok(reply)
}

/// The first identity source of the authorizer is the header with the token.
fn principal<'c>(event: &ApiGatewayV2CustomAuthorizerV2Request, config: &'c Config) -> Option<&'c str> {
    config.principal(event.identity_source.as_deref()?.first()?)
}
