//! AppSync. <https://docs.aws.amazon.com/appsync/latest/devguide/security-authz.html#aws-lambda-authorization>

use aws_lambda_events::event::appsync::{AppSyncLambdaAuthorizerRequest, AppSyncLambdaAuthorizerResponse};
use lambda_plugin_abi::{Context, Error};

use super::Config;

/// Lets in who has a token, and keeps one mutation for the chief.
pub(super) fn graphql(
    event: AppSyncLambdaAuthorizerRequest,
    cx: Context<Config>,
) -> Result<AppSyncLambdaAuthorizerResponse, Error> {
    let principal = event.authorization_token.and_then(|token| cx.state().principal(&token));
    let mut reply = AppSyncLambdaAuthorizerResponse::default();
    reply.is_authorized = principal.is_some();
    let denied = if principal == Some("chief") { Vec::new() } else { vec!["Mutation.refund".to_owned()] };
    reply.denied_fields = Some(denied);
    reply.resolver_context.extend(principal.map(|principal| ("principal".to_owned(), principal.into())));
    // Seconds for which AppSync does not ask again.
    reply.ttl_override = Some(300);
    Ok(reply)
}
