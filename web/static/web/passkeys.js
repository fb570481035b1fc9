// Passkeys on our pages: the buttons show only where they can work, and what fails is said on the page.
// What they do is allauth's (mfa/js/webauthn.js).
(function () {
  "use strict";

  document.addEventListener("DOMContentLoaded", function () {
    if (!window.PublicKeyCredential) return;
    document.querySelectorAll("[data-passkey]").forEach(function (button) { button.hidden = false; });
    document.querySelectorAll("[data-passkey-missing]").forEach(function (note) { note.hidden = true; });
  });

  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-passkey]")) say(false);
  }, true);

  document.addEventListener("allauth.error", function (event) {
    event.preventDefault();
    say(true);
  });

  function say(trouble) {
    document.querySelectorAll("[data-passkey-trouble]").forEach(function (note) { note.hidden = !trouble; });
  }
})();
