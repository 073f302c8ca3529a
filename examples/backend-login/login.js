// A sign-in in two steps, as NEAR's guide has it, where the provider makes the challenge and
// judges the answer.
import * as client from "openid-client";

const { ISSUER, CLIENT_ID, CLIENT_SECRET } = process.env;
for (const [name, value] of Object.entries({ ISSUER, CLIENT_ID, CLIENT_SECRET })) {
  if (!value) throw new Error(`${name} is not set; \`idp client create\` prints it`);
}
const issuer = new URL(ISSUER);
const scopes = "openid profile";

const config = await client.discovery(issuer, CLIENT_ID, undefined, client.ClientSecretBasic(CLIENT_SECRET), {
  // Plain http is for a provider on this machine, where nobody listens in.
  execute: issuer.protocol === "http:" ? [client.allowInsecureRequests] : [],
});
client.enableNonRepudiationChecks(config); // verifies the signature of ID tokens

// A Refusal says what the person is told, and the status that goes with it.
export class Refusal extends Error {
  constructor(message, status = 401) {
    super(message);
    this.status = status;
  }
}

async function ask(path, body) {
  const response = await fetch(`${ISSUER}/api/auth/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(15_000),
  });
  const answer = await response.json();
  if (!response.ok) {
    throw new Refusal(`${answer.error_description} (${answer.request_id})`, response.status < 500 ? 401 : 502);
  }
  return answer;
}

// begin asks the provider for a challenge. What it returns as checks stays on the server, and
// with the browser that asked.
export async function begin(redirectURI) {
  const checks = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
  };
  const { message, nonce, recipient, state } = await ask("initiate-login", {
    client_id: CLIENT_ID,
    redirect_uri: redirectURI,
    scope: scopes,
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: "S256",
  });
  return { checks, challenge: { message, nonce, recipient, state } };
}

// finish hands in what the wallet signed. The provider compares it with the challenge byte by
// byte, takes the nonce once, and asks the chain whether the key is a full-access key of the
// account. Its code is worth tokens only together with checks and the client's secret.
export async function finish(checks, authToken) {
  const { redirect_to } = await ask("verify-login", { authToken });
  const tokens = await client.authorizationCodeGrant(config, new URL(redirect_to), checks);
  const { sub, near_account_id, near_network } = tokens.claims();
  return { sub, account: near_account_id, network: near_network };
}
