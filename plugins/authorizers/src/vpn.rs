//! Client VPN. <https://docs.aws.amazon.com/vpn/latest/clientvpn-admin/connection-authorization.html>

use aws_lambda_events::event::clientvpn::{ClientVpnConnectionHandlerRequest, ClientVpnConnectionHandlerResponse};
use lambda_plugin_abi::{Context, Error};

use super::Config;

/// Lets in the users who have a token as well. Who they are was found out before: this is asked last.
pub(super) fn vpn(
    event: ClientVpnConnectionHandlerRequest,
    cx: Context<Config>,
) -> Result<ClientVpnConnectionHandlerResponse, Error> {
    let mut reply = ClientVpnConnectionHandlerResponse::default();
    reply.allow = event.username.is_some_and(|user| cx.state().tokens.values().any(|principal| *principal == user));
    reply.error_msg_on_failed_posture_compliance = Some("ask your administrator".to_owned());
    reply.schema_version = event.schema_version;
    Ok(reply)
}
