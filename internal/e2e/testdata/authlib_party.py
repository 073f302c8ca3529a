"""A relying party made of Authlib: login, userinfo, refresh, introspection and revocation."""

import json
import secrets
import sys
import time

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

given = json.loads(sys.argv[1])


def visit(url):
    print(json.dumps({"visit": url}), flush=True)
    return sys.stdin.readline().strip()


class Brief(PrivateKeyJWT):
    """Assertions of four minutes: left to itself the library signs for an hour, and five minutes are the most."""

    def sign(self, auth, token_endpoint):
        self.claims = {"exp": int(time.time()) + 240}
        return super().sign(auth, token_endpoint)


metadata = requests.get(given["issuer"] + "/.well-known/openid-configuration", timeout=20).json()
keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=20).json())
session = OAuth2Session(
    given["client_id"],
    ECKey.import_key(given["key"]) if given["auth"] == "private_key_jwt" else given.get("client_secret"),
    scope="openid profile offline_access",
    redirect_uri=given["redirect_uri"],
    code_challenge_method="S256",
    token_endpoint_auth_method=given["auth"],
    revocation_endpoint_auth_method=given["auth"],
)
if given["auth"] == "private_key_jwt":
    session.register_client_auth_method(Brief(metadata["token_endpoint"], None, {"kid": "k1"}, "ES256"))


def checked(token, nonce):
    """The claims of an ID token, held to what OpenID Connect Core section 3.1.3.7 demands."""
    decoded = jwt.decode(token["id_token"], keys, algorithms=["RS256"])
    wanted = {
        "iss": {"essential": True, "value": given["issuer"]},
        "aud": {"essential": True, "value": given["client_id"]},
        "sub": {"essential": True},
        "exp": {"essential": True},
        "iat": {"essential": True},
        "auth_time": {"essential": True},
    }
    if nonce:
        wanted["nonce"] = {"essential": True, "value": nonce}
    jwt.JWTClaimsRegistry(**wanted).validate(decoded.claims)
    return decoded.claims


verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
callback = visit(url)
try:
    forged = callback.replace("state=" + state, "state=forged")
    session.fetch_token(metadata["token_endpoint"], authorization_response=forged, state=state, code_verifier=verifier)
    wrong_state = "accepted"
except Exception as refusal:  # the library's own check, before anything is sent
    wrong_state = type(refusal).__name__
token = session.fetch_token(metadata["token_endpoint"], authorization_response=callback, state=state, code_verifier=verifier)
first = checked(token, nonce)
info = session.get(metadata["userinfo_endpoint"]).json()
refreshed = session.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
second = checked(refreshed, None)


def introspected(text):
    """What the provider says of a token; public clients may not ask."""
    if given["auth"] == "none":
        return None
    return session.introspect_token(metadata["introspection_endpoint"], token=text).json()


before = introspected(refreshed["access_token"])
revoked = session.revoke_token(metadata["revocation_endpoint"], token=refreshed["refresh_token"], token_type_hint="refresh_token")
after = introspected(refreshed["access_token"])
userinfo_after = requests.get(
    metadata["userinfo_endpoint"], headers={"Authorization": "Bearer " + refreshed["access_token"]}, timeout=20
)
print(
    json.dumps(
        {
            "done": {
                "sub": first["sub"],
                "refreshed": second["sub"],
                "sameAuthTime": first["auth_time"] == second["auth_time"],
                "userinfo": info["sub"],
                "wrongState": wrong_state,
                "active": before and before["active"],
                "introspected": before and before["sub"],
                "revoked": revoked.status_code,
                "activeAfter": after and after["active"],
                "userinfoAfter": userinfo_after.status_code,
            }
        }
    ),
    flush=True,
)
