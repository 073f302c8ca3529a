// A relying party made of openid-client: every check that the library has is on.
import * as client from "openid-client";
import { input, visit, done } from "./person.mjs";

const config = await client.discovery(
  new URL(input.issuer),
  input.client_id,
  undefined,
  client.ClientSecretBasic(input.client_secret),
  { execute: [client.allowInsecureRequests] }, // the issuer is on loopback
);

async function begin() {
  const checks = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
  };
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: input.redirect_uri,
    scope: "openid profile offline_access",
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: "S256",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
  });
  return { checks, callback: await visit(url) };
}

// refusal is the error code of what must fail.
async function refusal(promise) {
  try {
    await promise;
  } catch (err) {
    return err.error ?? err.status ?? err.cause?.status ?? String(err);
  }
  return "accepted";
}

const { checks, callback } = await begin();

// The library itself must notice an answer that is not for this request or not
// from this issuer; it then sends no code anywhere.
const rejects = (promise) => promise.then(() => false, () => true);
const forged = new URL(callback);
forged.searchParams.set("state", client.randomState());
const mixedUp = new URL(callback);
mixedUp.searchParams.set("iss", "https://other.example");
const wrongState = await rejects(client.authorizationCodeGrant(config, forged, checks));
const wrongIssuer = await rejects(client.authorizationCodeGrant(config, mixedUp, checks));

const tokens = await client.authorizationCodeGrant(config, callback, checks);
const { sub } = tokens.claims();
const userinfo = await client.fetchUserInfo(config, tokens.access_token, sub);
const second = await client.refreshTokenGrant(config, tokens.refresh_token);
const third = await client.refreshTokenGrant(config, second.refresh_token);

// The first refresh token is two generations old: no retry explains its return.
const replayed = await refusal(client.refreshTokenGrant(config, tokens.refresh_token));
const afterReplay = await refusal(client.refreshTokenGrant(config, third.refresh_token));
const afterReplayUserinfo = await refusal(client.fetchUserInfo(config, third.access_token, sub));

done({
  sub,
  userinfo: userinfo.near_account_id,
  refreshed: third.claims().sub,
  replayed,
  afterReplay,
  afterReplayUserinfo,
  wrongState,
  wrongIssuer,
});
