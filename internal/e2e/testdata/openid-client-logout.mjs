// A relying party made of openid-client that signs out at the provider.
import * as client from "openid-client";
import { input, visit, done } from "./person.mjs";

const config = await client.discovery(
  new URL(input.issuer),
  input.client_id,
  undefined,
  client.ClientSecretBasic(input.client_secret),
  { execute: [client.allowInsecureRequests] }, // the issuer is on loopback
);
const pkceCodeVerifier = client.randomPKCECodeVerifier();
const callback = await visit(
  client.buildAuthorizationUrl(config, {
    redirect_uri: input.redirect_uri,
    scope: "openid",
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
  }),
);
const tokens = await client.authorizationCodeGrant(config, callback, { pkceCodeVerifier, idTokenExpected: true });
const end = client.buildEndSessionUrl(config, {
  id_token_hint: tokens.id_token,
  post_logout_redirect_uri: input.post_logout_redirect_uri,
  state: "s",
});
done({ end: end.href, access: tokens.access_token });
