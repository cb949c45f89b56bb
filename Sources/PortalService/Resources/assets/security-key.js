// Asks the browser for a security key and sends its answer as a form. Nothing else on this portal has a
// script; without it these pages say so and their buttons stay off.
"use strict";
(() => {
  const decode = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const encode = (buffer) =>
    btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(""))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const list = (text) =>
    (text || "").split(" ").filter(Boolean).map((id) => ({ type: "public-key", id: decode(id) }));

  const ask = async (data) => {
    const credential = await navigator.credentials.get({
      publicKey: {
        challenge: decode(data.challenge), rpId: data.rpId, timeout: 110000,
        userVerification: "required", allowCredentials: list(data.credentials),
      },
    });
    return {
      credential: encode(credential.rawId),
      client_data: encode(credential.response.clientDataJSON),
      authenticator_data: encode(credential.response.authenticatorData),
      signature: encode(credential.response.signature),
    };
  };

  const register = async (data) => {
    const credential = await navigator.credentials.create({
      publicKey: {
        challenge: decode(data.challenge), rp: { id: data.rpId, name: "Portolan" },
        user: { id: decode(data.userHandle), name: data.userName, displayName: data.userName },
        pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: "public-key", alg })),
        timeout: 110000, attestation: "none", excludeCredentials: list(data.credentials),
        authenticatorSelection: {
          authenticatorAttachment: "cross-platform", residentKey: "discouraged",
          requireResidentKey: false, userVerification: "required",
        },
      },
    });
    return {
      client_data: encode(credential.response.clientDataJSON),
      authenticator_data: encode(credential.response.getAuthenticatorData()),
    };
  };

  const problems = {
    NotAllowedError: "The key did not answer, or not in time. Is it one that was enrolled for this name?",
    InvalidStateError: "This key is enrolled already. Use another one.",
    SecurityError: "The browser does not allow security keys at this address.",
  };
  const say = (form, text) => {
    const place = form.querySelector("[data-problem]");
    place.textContent = text;
    place.hidden = !text;
  };

  const arm = (form) => {
    const button = form.querySelector("button");
    if (!window.PublicKeyCredential) {
      say(form, "This browser has no support for security keys. Use another one.");
      return;
    }
    button.disabled = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      say(form, "");
      try {
        const answer = await (form.dataset.ceremony === "create" ? register : ask)(form.dataset);
        for (const [name, value] of Object.entries(answer)) form.elements[name].value = value;
        form.submit();
      } catch (error) {
        button.disabled = false;
        say(form, problems[error.name] || "The key could not be used. Try again.");
      }
    });
  };

  const key = document.querySelector("form[data-ceremony]");
  if (key) arm(key);
  // The code comes behind the "#", so that it is in no server's log before it is sent on purpose.
  const code = document.querySelector("input[name=code]");
  if (code && location.hash.length > 1) {
    code.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
  }
})();
