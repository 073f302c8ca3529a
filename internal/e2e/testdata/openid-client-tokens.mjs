// What openid-client does with tokens: resource indicators, introspection,
// revocation and the client credentials grant.
import * as client from "openid-client";
import { input, visit, done } from "./person.mjs";

const discover = (id) =>
  client.discovery(new URL(input.issuer), id, undefined, client.ClientSecretBasic(input.client_secret), {
    execute: [client.allowInsecureRequests], // the issuer is on loopback
  });
const app = await discover(input.app);
const api = await discover(input.api);
const robot = await discover(input.robot);

// refusal is the error code of what must fail.
async function refusal(promise) {
  try {
    await promise;
  } catch (err) {
    return err.error ?? err.status ?? err.cause?.status ?? String(err);
  }
  return "accepted";
}

async function signIn(resources) {
  const checks = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    idTokenExpected: true,
  };
  const url = client.buildAuthorizationUrl(app, {
    redirect_uri: input.redirect_uri,
    scope: "openid offline_access files.read mail.read",
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: "S256",
    state: checks.expectedState,
  });
  for (const resource of resources) {
    url.searchParams.append("resource", resource);
  }
  return client.authorizationCodeGrant(app, await visit(url), checks);
}

const both = await signIn([input.files, input.mail]);
const forApp = await client.tokenIntrospection(app, both.access_token);
const forAPI = await client.tokenIntrospection(api, both.access_token);
const forRobot = await client.tokenIntrospection(robot, both.access_token);
const refreshToken = await client.tokenIntrospection(app, both.refresh_token);

const mail = await client.refreshTokenGrant(app, both.refresh_token, { resource: input.mail });
const mailForApp = await client.tokenIntrospection(app, mail.access_token);
const mailForAPI = await client.tokenIntrospection(api, mail.access_token);
const foreign = await refusal(client.refreshTokenGrant(app, mail.refresh_token, { resource: "https://other.example" }));

await client.tokenRevocation(app, mail.refresh_token, { token_type_hint: "refresh_token" });
await client.tokenRevocation(app, "no such token");
const revoked = await client.tokenIntrospection(api, both.access_token);
const afterRevocation = await refusal(client.refreshTokenGrant(app, mail.refresh_token));
const userinfoAfterRevocation = await refusal(client.fetchUserInfo(app, both.access_token, forApp.sub));

const own = await client.clientCredentialsGrant(robot, { scope: "files.read", resource: input.files });
const ownForAPI = await client.tokenIntrospection(api, own.access_token);
await client.tokenRevocation(robot, own.access_token);
const ownRevoked = await client.tokenIntrospection(api, own.access_token);
const personal = await refusal(client.clientCredentialsGrant(robot, { scope: "openid" }));

done({
  grants: app.serverMetadata().grant_types_supported.join(" "),
  forApp, forAPI, forRobot, refreshToken, mailForApp, mailForAPI, foreign, revoked,
  afterRevocation, userinfoAfterRevocation, ownForAPI, ownRevoked, personal,
  expiresIn: both.expires_in, mailExpiresIn: mail.expires_in, ownExpiresIn: own.expires_in,
});
