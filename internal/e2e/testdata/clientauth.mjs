// A relying party that signs (private_key_jwt), pushes its requests (PAR) and takes
// its answers in a form (form_post), made of openid-client.
import * as client from "openid-client";
import { input, visit, done } from "./person.mjs";

const key = await crypto.subtle.importKey("jwk", input.private_jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
const config = await client.discovery(
  new URL(input.issuer),
  input.client_id,
  undefined,
  client.PrivateKeyJwt({ key, kid: input.private_jwk.kid }),
  { execute: [client.allowInsecureRequests] }, // the issuer is on loopback
);

async function signIn(responseMode) {
  const checks = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
  };
  const url = await client.buildAuthorizationUrlWithPAR(config, {
    redirect_uri: input.redirect_uri,
    scope: "openid profile offline_access",
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: "S256",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...(responseMode && { response_mode: responseMode }),
  });
  let callback = await visit(url);
  if (responseMode === "form_post") {
    // The browser posts what the person's part says in a query.
    const body = callback.searchParams;
    callback = new Request(input.redirect_uri, { method: "POST", body });
  }
  return { url, tokens: await client.authorizationCodeGrant(config, callback, checks) };
}

const query = await signIn();
const form = await signIn("form_post");
const refreshed = await client.refreshTokenGrant(config, form.tokens.refresh_token);
const introspected = await client.tokenIntrospection(config, refreshed.access_token);
await client.tokenRevocation(config, refreshed.refresh_token);
const revoked = await client.tokenIntrospection(config, refreshed.access_token);

done({
  parameters: [...query.url.searchParams.keys()].sort().join(" "),
  sub: query.tokens.claims().sub,
  formSub: form.tokens.claims().sub,
  refreshed: refreshed.claims().sub,
  active: introspected.active,
  revoked: revoked.active,
});
