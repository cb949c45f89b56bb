"""A scripted browser: cookies, redirects, forms. It runs no scripts, so pages must work without."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests


@dataclass
class Form:
    """A form of a page with the values that a browser would send."""

    action: str
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    options: dict[str, list[str]] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.url = url
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self.words: list[str] = []
        self._form: Form | None = None
        self._select: str | None = None
        self._link: list[str] | None = None
        self._hidden = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag in ("script", "style"):
            self._hidden += 1
        elif tag == "form":
            self._form = Form(urljoin(self.url, given.get("action") or self.url),
                              given.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag == "a" and "href" in given:
            self._link = [urljoin(self.url, given["href"]), ""]
        elif self._form is not None:
            self._field(tag, given)

    def _field(self, tag: str, given: dict[str, str]) -> None:
        name, kind = given.get("name", ""), given.get("type", "").lower()
        if tag == "button" or (tag == "input" and kind == "submit"):
            self._form.buttons.append((name, given.get("value", "")))
        elif tag == "select" and name:
            self._select = name
            self._form.options[name] = []
        elif tag == "option" and self._select:
            self._form.options[self._select].append(given.get("value", ""))
            if "selected" in given or self._select not in self._form.fields:
                self._form.fields[self._select] = given.get("value", "")
        elif tag in ("input", "textarea") and name:
            if kind not in ("checkbox", "radio") or "checked" in given:
                self._form.fields[name] = given.get("value", "on" if kind == "checkbox" else "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._hidden = max(0, self._hidden - 1)
        elif tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "a" and self._link:
            self.links.append((self._link[0], self._link[1].strip()))
            self._link = None

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.words.append(data.strip())
            if self._link:
                self._link[1] += data


class Page:
    """An answer, read."""

    def __init__(self, answer: requests.Response) -> None:
        self.url = answer.url
        self.status = answer.status_code
        self.headers = answer.headers
        self.body = answer.text
        self.visited = [step.url for step in answer.history] + [answer.url]
        reader = _Reader(answer.url)
        if "html" in answer.headers.get("content-type", ""):
            reader.feed(answer.text)
        self.cookies: set[str] = {cookie.name for cookie in answer.cookies}
        self.forms = reader.forms
        self.links = reader.links
        self.text = " ".join(reader.words)

    def form(self, *needs: str) -> Form:
        """The first form that has all these fields, selects or an action that ends so."""
        for form in self.forms:
            if all(n in form.fields or n in form.options or form.action.endswith(n)
                   for n in needs):
                return form
        raise AssertionError(
            f"{self.url} ({self.status}) has no form with {needs}: {self.text[:300]}")

    def link(self, part: str) -> str:
        """The address of the first link whose address or text holds a part."""
        for address, text in self.links:
            if part in address or part in text:
                return address
        raise AssertionError(f"{self.url} has no link to {part}: {self.links}")


class Browser:
    """One person's browser: its own cookies, both Regions' and the IdP's certificates trusted."""

    def __init__(self, verify: str, user_agent: str = "Mozilla/5.0 (X11; Linux x86_64) Demo/1.0",
                 timeout: float = 20) -> None:
        self.session = requests.Session()
        self.session.verify = verify
        self.session.trust_env = False
        self.session.headers.update({
            "User-Agent": user_agent,
            "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
        })
        self.timeout = timeout

    def open(self, url: str, follow: bool = True) -> Page:
        return Page(self.session.get(url, timeout=self.timeout, allow_redirects=follow))

    def submit(self, page: Page, form: Form, press: str | None = None, **values: str) -> Page:
        """Sends a form as a browser would, with the page as Origin and Referer."""
        fields = {**form.fields, **values}
        if press is not None:
            fields.update({name: value for name, value in form.buttons if press in (name, value)})
        if form.method != "post":
            return Page(self.session.get(form.action, params=fields, timeout=self.timeout))
        origin = "/".join(page.url.split("/")[:3])
        return Page(self.session.post(
            form.action, data=fields, timeout=self.timeout,
            headers={"Origin": origin, "Referer": page.url}))

    def sign_in(self, url: str, user_name: str, last_form: list | None = None) -> Page:
        """Opens an address and goes through the IdP until a page that asks for nothing more.

        The IdP's answer is put into last_form, for tests that send it again.
        """
        page = self.open(url)
        for _ in range(6):
            if any("SAMLResponse" in form.fields for form in page.forms):
                form = page.form("SAMLResponse")
                if last_form is not None:
                    last_form[:] = [page, form]
                page = self.submit(page, form)
            elif any(form.action.endswith("/login") for form in page.forms):
                page = self.submit(page, page.form("/login"), user=user_name)
            elif any("SAMLRequest" in form.fields for form in page.forms):
                page = self.submit(page, page.form("SAMLRequest"))
            else:
                return page
        raise AssertionError(f"the sign-in does not end: {page.url}")
