// A device without a browser made of openid-client.
import * as client from "openid-client";
import { input, device, done } from "./person.mjs";

const config = await client.discovery(new URL(input.issuer), input.client_id, undefined, client.None(), {
  execute: [client.allowInsecureRequests], // the issuer is on loopback
});

async function signIn(decision) {
  const begun = await client.initiateDeviceAuthorization(config, { scope: "openid profile offline_access" });
  const decided = device(begun.user_code, decision);
  const tokens = await client.pollDeviceAuthorizationGrant(config, begun);
  await decided;
  return { begun, tokens };
}

const { begun, tokens } = await signIn("allow");
const { sub } = tokens.claims();
const userinfo = await client.fetchUserInfo(config, tokens.access_token, sub);
const second = await client.refreshTokenGrant(config, tokens.refresh_token);

const refusal = (promise) => promise.then(() => "accepted", (err) => err.error ?? err.cause?.error ?? String(err));
const replayed = await refusal(
  client.genericGrantRequest(config, "urn:ietf:params:oauth:grant-type:device_code", { device_code: begun.device_code }),
);
const denied = await refusal(signIn("deny"));

done({
  sub,
  userinfo: userinfo.near_account_id,
  refreshed: second.claims().sub,
  complete: begun.verification_uri_complete,
  replayed,
  denied,
});
