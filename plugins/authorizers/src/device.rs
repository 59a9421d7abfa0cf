//! IoT Core. <https://docs.aws.amazon.com/iot/latest/developerguide/custom-auth-lambda.html>

use aws_lambda_events::event::iam::IamPolicyEffect;
use aws_lambda_events::event::iot::{IoTCoreCustomAuthorizerRequest, IoTCoreCustomAuthorizerResponse};
use lambda_plugin_abi::{Context, Error};

use super::{Config, document};

/// Lets a device connect under the name that its token stands for, and publish below that name.
pub(super) fn device(
    event: IoTCoreCustomAuthorizerRequest,
    cx: Context<Config>,
) -> Result<IoTCoreCustomAuthorizerResponse, Error> {
    // The signature keeps away whoever only guesses tokens; an authorizer may have the check of it switched off.
    let token = event.token.filter(|_| event.signature_verified);
    let mut reply = IoTCoreCustomAuthorizerResponse::default();
    let Some(principal) = token.and_then(|token| cx.state().principal(&token)) else { return Ok(reply) };
    // `arn:aws:lambda:REGION:ACCOUNT:function:…`: things of the same account and region.
    let mut own = cx.function_arn().split(':').skip(3);
    let (region, account) = own.next().zip(own.next()).ok_or("the function's ARN has no account")?;
    let arn = |resource: &str| format!("arn:aws:iot:{region}:{account}:{resource}/{principal}");
    reply.is_authenticated = true;
    // Letters and digits only.
    reply.principal_id = Some(principal.to_owned());
    reply.disconnect_after_in_seconds = 86_400;
    reply.refresh_after_in_seconds = 300;
    reply.policy_documents = [("iot:Connect", arn("client")), ("iot:Publish", arn("topic/devices") + "/*")]
        .map(|(action, resource)| Some(document(IamPolicyEffect::Allow, action, resource)))
        .into();
    Ok(reply)
}
