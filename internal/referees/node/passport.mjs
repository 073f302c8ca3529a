// passport-openidconnect: endpoints by hand, the secret in the request's body,
// no PKCE.
import passport from "passport";
import OpenIDConnectStrategy from "passport-openidconnect";
import { application, input, issuer, me, remembers, serve } from "./app.mjs";

const metadata = await (await fetch(issuer + "/.well-known/openid-configuration")).json();

passport.use(
  "near",
  new OpenIDConnectStrategy(
    {
      issuer,
      authorizationURL: metadata.authorization_endpoint,
      tokenURL: metadata.token_endpoint,
      userInfoURL: metadata.userinfo_endpoint,
      clientID: input.client_id,
      clientSecret: input.client_secret,
      callbackURL: input.redirect_uri,
      scope: input.scope.split(" ").filter((scope) => scope !== "openid"), // it adds that one
      nonce: true,
    },
    // With two profiles it asks the userinfo endpoint.
    (_issuer, userinfo, profile, _context, _idToken, _accessToken, _refreshToken, _params, verified) =>
      verified(null, {
        sub: profile.id,
        userinfo: userinfo.id,
        name: profile.displayName,
        preferred_username: profile.username,
        email: profile.emails?.[0].value,
        groups: userinfo._json.groups,
      }),
  ),
);
passport.serializeUser((user, stored) => stored(null, user));
passport.deserializeUser((user, restored) => restored(null, user));

const app = application();
remembers(app);
app.use(passport.session());
app.get("/login", passport.authenticate("near"));
app.get(new URL(input.redirect_uri).pathname, passport.authenticate("near", { successRedirect: "/me", failWithError: true }));
me(app, (req) => req.user);
serve(app);
