"""A server on this machine that lets people log in as the provider of an organisation does (OpenID Connect)."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT, SECRET, PERSON = "tuneboard", "between-the-two", "ada@example.org"
KNOWN = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()


class Provider(ThreadingHTTPServer):
    """signs_with: the key of its tokens; whoever forges one has another than `key`, which it publishes."""

    def __init__(self):
        from joserfc.jwk import RSAKey

        super().__init__(("127.0.0.1", 0), _Answer)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.key = self.signs_with = RSAKey.generate_key(2048, {"kid": "standin"}, auto_kid=True)
        self.nonces: dict[str, str] = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def secrets(self, dashboard: str) -> str:
        """What stands in .streamlit/secrets.toml of the dashboard at this address."""
        return f"""[auth]
redirect_uri = "{dashboard}/oauth2callback"
cookie_secret = "a long secret that nobody but the server knows"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
server_metadata_url = "{self.url}/.well-known/openid-configuration"
"""

    def token(self, nonce: str) -> str:
        from joserfc import jwt

        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "sub": "1", "email": PERSON, "nonce": nonce}
        header = {"alg": "RS256", "kid": self.key.kid}
        return jwt.encode(header, {**claims, "iat": now, "exp": now + 600}, self.signs_with)


class _Answer(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self):
        address, url = urlsplit(self.path), self.server.url
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        if address.path == "/.well-known/openid-configuration":
            self._json(
                {
                    "issuer": url,
                    "authorization_endpoint": f"{url}/authorize",
                    "token_endpoint": f"{url}/token",
                    "jwks_uri": f"{url}/keys",
                    "response_types_supported": ["code"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            )
        elif address.path == "/keys":
            self._json({"keys": [self.server.key.as_dict(private=False)]})
        elif address.path == "/authorize":
            code = f"code{len(self.server.nonces)}"
            self.server.nonces[code] = asked["nonce"]
            back = asked["redirect_uri"]
            yes = f"{back}?{urlencode({'code': code, 'state': asked['state']})}"
            no = f"{back}?{urlencode({'error': 'access_denied', 'state': asked['state']})}"
            self._send("text/html", f'<a href="{yes}">I am Ada</a> <a href="{no}">I am not</a>'.encode())
        else:
            self.send_error(404)

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        nonce = self.server.nonces.pop(form.get("code", [""])[0], None)
        if nonce is None or self.headers["Authorization"] != KNOWN:
            self.send_error(401)
            return
        token = self.server.token(nonce)
        self._json({"access_token": "unused", "token_type": "Bearer", "expires_in": 600, "id_token": token})

    def _json(self, content: dict) -> None:
        self._send("application/json", json.dumps(content).encode())

    def _send(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_) -> None:
        """Nothing: the output of the tests is for the tests."""
