"""The identity provider's three small pages."""

from __future__ import annotations

from html import escape

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 30rem; margin: 10vh auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; } ul { padding: 0; list-style: none; display: grid; gap: .5rem; }
input, button, li a { font: inherit; padding: .5rem .75rem; border-radius: .4rem;
  border: 1px solid #8888; width: 100%; box-sizing: border-box; display: block; }
button { background: #7a3ff2; color: white; border: 0; margin-top: .5rem; cursor: pointer; }
button.pick { background: none; color: inherit; border: 1px solid #8888; text-align: left; }
"""


def _page(title: str, content: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{content}</body></html>")


def chooser_page(people: list[str], carried: dict[str, str]) -> str:
    """The sign-in page; what the request carried travels in hidden fields."""
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(carried[name])}">'
        for name in ("SAMLRequest", "RelayState", "binding", "acs") if carried.get(name))
    options = "".join(f'<option value="{escape(person)}">' for person in people)
    picks = "".join(
        f'<button class="pick" name="pick" value="{escape(person)}" formnovalidate>'
        f"{escape(person)}</button>" for person in people[:6])
    return _page("Demo identity provider", f"""
<p>Choose whom to sign in as. This stands in for your company's identity provider.</p>
<form method="post" action="/login">{hidden}
<input name="user" list="people" autocomplete="off" required aria-label="User name"
 placeholder="name@company.example"><datalist id="people">{options}</datalist>
<button type="submit">Sign in</button>
<p>or as</p>{picks}</form>""")


def tiles_page(user: str | None, launches: list[tuple[str, str]],
               bookmarks: list[tuple[str, str]]) -> str:
    """The IdP's own start page: SAML tiles and plain links."""
    def items(links: list[tuple[str, str]]) -> str:
        return "".join(f'<li><a href="{escape(to)}">{escape(name)}</a></li>' for name, to in links)

    who = f'<p>{escape(user)} (<a href="/sign-out">sign out</a>)</p>' if user else ""
    return _page("Your applications", f"""{who}
<h2>Sign in (IdP-initiated)</h2><ul>{items(launches)}</ul>
<h2>Bookmarks</h2><ul>{items(bookmarks)}</ul>""")


def error_page(message: str) -> str:
    return _page("The sign-in failed", f"<p>{escape(message)}</p>")
