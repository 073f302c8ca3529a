// openid-client 6, by hand: every check that the library has is on.
import * as client from "openid-client";
import { application, base, input, issuer, me, remembers, serve } from "./app.mjs";

const config = await client.discovery(
  new URL(issuer),
  input.client_id,
  undefined,
  client.ClientSecretBasic(input.client_secret),
  { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] }, // the issuer is on loopback
);

const app = application();
remembers(app);

app.get("/login", async (req, res) => {
  const checks = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
  };
  req.session.checks = checks;
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: input.redirect_uri,
    scope: input.scope,
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: "S256",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
  });
  res.redirect(url.href);
});

// keep reads the userinfo too: the library refuses it unless it is about the
// subject of the ID token.
async function keep(req, tokens, sub) {
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, sub);
  req.session.user = { ...tokens.claims(), ...userinfo };
  req.session.tokens = { refresh: tokens.refresh_token, id: tokens.id_token };
}

app.get(new URL(input.redirect_uri).pathname, async (req, res) => {
  const tokens = await client.authorizationCodeGrant(config, new URL(req.originalUrl, base), req.session.checks);
  await keep(req, tokens, tokens.claims().sub);
  res.redirect("/me");
});

app.get("/refresh", async (req, res) => {
  const tokens = await client.refreshTokenGrant(config, req.session.tokens.refresh);
  await keep(req, tokens, req.session.user.sub);
  res.redirect("/me");
});

app.get("/logout", (req, res) => {
  const url = client.buildEndSessionUrl(config, { id_token_hint: req.session.tokens.id, post_logout_redirect_uri: base + "/me" });
  req.session.destroy(() => res.redirect(url.href));
});

me(app, (req) => req.session.user);
serve(app);
