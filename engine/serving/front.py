"""The first page of the service: what may be asked, with examples. Made here; it fetches nothing from anywhere."""

import json
from html import escape

from fastapi.responses import HTMLResponse

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark }
h2 { margin: 2rem 0 0; font-size: 1.1rem } code, pre { font: 14px/1.5 ui-monospace, monospace }
pre { padding: .75rem 1rem; border: 1px solid #8888; border-radius: .5rem; overflow-x: auto }
"""
HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


def front(openapi: dict, base: str, guarded: bool) -> HTMLResponse:
    """openapi: the description of all addresses, which begin with `base`. guarded: whether they want an API key."""
    parts = [
        _address(openapi, method, base.rstrip("/") + path, about, guarded)
        for path, methods in openapi["paths"].items()
        for method, about in methods.items()
    ]
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tuneboard</title><style>{STYLE}</style></head>'
        f"<body><main><h1>Tuneboard</h1><p>{escape(openapi['info']['description'])} The same for programs: "
        f'<a href="openapi.json">openapi.json</a>.</p>{"".join(parts)}</main></body></html>'
    )
    return HTMLResponse(page, headers=HEADERS)


def _address(openapi: dict, method: str, url: str, about: dict, guarded: bool) -> str:
    key = ' -H "Authorization: Bearer $KEY"' if guarded and "401" in about["responses"] else ""
    body = ""
    if "requestBody" in about:
        example = json.dumps(openapi["components"]["schemas"]["One"]["examples"][0])
        body = f" \\\n  --json '{example}'"
    verb = "" if method == "get" or body else " -X POST"
    curl = f"curl{verb} {url}{key}{body}"
    return f"<h2>{escape(about['summary'])}</h2><pre>{escape(curl)}</pre>"
