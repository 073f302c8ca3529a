// A relying party made of openid-client whose tokens are bound to a key of its own (DPoP).
import * as client from "openid-client";
import { input, visit, done } from "./person.mjs";

async function authentication() {
  if (input.private_jwk) {
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    const key = await crypto.subtle.importKey("jwk", input.private_jwk, algorithm, false, ["sign"]);
    return client.PrivateKeyJwt(key);
  }
  return input.client_secret ? client.ClientSecretBasic(input.client_secret) : client.None();
}

const config = await client.discovery(new URL(input.issuer), input.client_id, undefined, await authentication(), {
  execute: [client.allowInsecureRequests], // the issuer is on loopback
});
// The library's own way for providers that know the algorithm by its older name.
const remapEd25519 = {
  [client.modifyAssertion]: (header) => {
    if (header.alg === "Ed25519") header.alg = "EdDSA";
  },
};
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair(input.alg), remapEd25519);
const thief = client.getDPoPHandle(config, await client.randomDPoPKeyPair());

async function begin() {
  const checks = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
  };
  const parameters = {
    redirect_uri: input.redirect_uri,
    scope: "openid profile offline_access",
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: "S256",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
  };
  const url = input.par
    ? await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP })
    : client.buildAuthorizationUrl(config, { ...parameters, dpop_jkt: await DPoP.calculateThumbprint() });
  return { checks, callback: await visit(url) };
}

// refusal is the error code of what must fail.
async function refusal(promise) {
  try {
    await promise;
  } catch (err) {
    return err.error ?? err.cause?.[0]?.parameters?.error ?? err.code ?? String(err);
  }
  return "accepted";
}

const stolen = await begin();
const stolenCode = await refusal(client.authorizationCodeGrant(config, stolen.callback, stolen.checks, undefined, { DPoP: thief }));

const { checks, callback } = await begin();
const tokens = await client.authorizationCodeGrant(config, callback, checks, undefined, { DPoP });
const { sub } = tokens.claims();
const userinfo = await client.fetchUserInfo(config, tokens.access_token, sub, { DPoP });
const again = await client.fetchUserInfo(config, tokens.access_token, sub, { DPoP });

const byBearer = await fetch(config.serverMetadata().userinfo_endpoint, { headers: { authorization: `Bearer ${tokens.access_token}` } });
const byThief = await refusal(client.fetchUserInfo(config, tokens.access_token, sub, { DPoP: thief }));
const stolenRefresh = await refusal(client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP: thief }));

const second = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
const third = await client.refreshTokenGrant(config, second.refresh_token, undefined, { DPoP });
const refreshed = await client.fetchUserInfo(config, third.access_token, sub, { DPoP });

done({
  type: tokens.token_type,
  sub: userinfo.sub,
  again: again.sub,
  refreshed: refreshed.sub,
  rotated: second.refresh_token !== tokens.refresh_token && third.refresh_token !== second.refresh_token,
  bearer: byBearer.status,
  challenge: byBearer.headers.get("www-authenticate"),
  byThief,
  stolenCode,
  stolenRefresh,
});
