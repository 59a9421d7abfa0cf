//! Triggers of a Cognito user pool. The reply is the event with its `response` filled in; a handler's own error is shown to the user.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html>

use aws_lambda_events::event::cognito::{
    ClaimsOverrideDetails, CognitoEventUserPoolsPreSignup, CognitoEventUserPoolsPreTokenGen,
};
use lambda_plugin_abi::{Context, Error};

use super::Config;

/// Pre sign-up: for people with an address of our own. Whether it is theirs is found out by Cognito's own message to it, so nobody is
/// confirmed here.
pub(super) fn sign_up(
    event: CognitoEventUserPoolsPreSignup,
    cx: Context<Config>,
) -> Result<CognitoEventUserPoolsPreSignup, Error> {
    let address = event.request.user_attributes.get("email").map_or("", String::as_str);
    let own = address.rsplit_once('@').is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(&cx.state().domain));
    if own { Ok(event) } else { Err(Error::new("AddressForeign", "please sign up with your address at work")) }
}

/// Pre token generation: a claim for the application, and one that it has no need of left out.
pub(super) fn claims(mut event: CognitoEventUserPoolsPreTokenGen) -> Result<CognitoEventUserPoolsPreTokenGen, Error> {
    let staff = event.request.group_configuration.groups_to_override.iter().any(|group| group == "staff");
    let mut details = ClaimsOverrideDetails::default();
    // Groups that are not repeated are taken away.
    details.group_override_details = event.request.group_configuration.clone();
    details.claims_to_add_or_override.insert("shop_role".to_owned(), if staff { "clerk" } else { "customer" }.to_owned());
    details.claims_to_suppress.push("phone_number".to_owned());
    event.response.claims_override_details = Some(details);
    Ok(event)
}
