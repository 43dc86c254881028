// Behaviour by delegation; markup says what by data attributes. No eval, no inline handlers.
"use strict";
(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const say = (words) => { const region = one("#announce"); if (region) region.textContent = words; };
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");
  const shortcutsOn = () => document.body.dataset.shortcuts !== "off";

  // A swap keeps the list where it is; only the pane changes.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id !== "pane") return;
    for (const link of all("[data-item]")) {
      const here = link.pathname === window.location.pathname;
      if (here) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
    }
    one(".inbox")?.classList.add("has-item");
    const heading = one("#pane [tabindex='-1']");
    heading?.focus();
    say(heading ? `Opened ${heading.textContent.trim()}` : "Opened");
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.target.dataset.poll !== undefined) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if ([409, 422, 403].includes(event.detail.xhr.status)) { event.detail.shouldSwap = true; event.detail.isError = false; }
  });

  document.addEventListener("click", (event) => {
    const fill = event.target.closest("[data-fill-username]");
    if (fill) {
      one("#id_username").value = fill.dataset.fillUsername;
      one("#id_password").value = fill.dataset.fillPassword;
      one("#sign-in-form").requestSubmit();
    }
    const copy = event.target.closest("[data-copy]");
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => say("Copied"));
    if (event.target.closest("[data-print]")) window.print();
    if (event.target.closest("[data-open-keys]")) one("#keys")?.showModal();
    const close = event.target.closest("[data-close]");
    if (close) close.closest("dialog").close();
    for (const menu of all("[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  const items = () => all("[data-item]");
  const focused = () => items().findIndex((link) => link === document.activeElement || link.getAttribute("aria-current"));
  const step = (by) => {
    const list = items();
    if (!list.length) return;
    const active = list.indexOf(document.activeElement);
    const from = active >= 0 ? active : focused();
    const next = list[Math.max(0, Math.min(list.length - 1, from + by))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };
  const choose = (value) => {
    const radio = one(`input[name="choice"][value="${value}"]`);
    if (!radio) return false;
    radio.checked = true;
    listReasons();
    one("textarea[name='reason']")?.focus();
    return true;
  };
  // Of the list of reasons only those for the chosen answer can be taken.
  const listReasons = () => {
    const chosen = one("input[name='choice']:checked")?.value;
    for (const part of all("optgroup[data-for]")) {
      part.hidden = part.disabled = Boolean(chosen) && part.dataset.for !== chosen;
      if (part.disabled) for (const option of part.children) option.selected = false;
    }
  };
  document.addEventListener("change", (event) => { if (event.target.name === "choice") listReasons(); });

  // What can still be taken back says for how long; then it goes.
  const tick = () => {
    for (const form of all("[data-until]")) {
      const left = Math.ceil((Date.parse(form.dataset.until) - Date.now()) / 1000);
      if (left <= 0) form.remove(); else one("[data-seconds]", form).textContent = ` (${left} s)`;
    }
  };
  document.addEventListener("DOMContentLoaded", () => { tick(); if (one("[data-until]")) window.setInterval(tick, 500); });
  const follow = (key) => one(`[data-key="${key}"]`)?.click();
  const select = () => { const box = document.activeElement.closest("tr")?.querySelector("input[type='checkbox']"); if (box) box.checked = !box.checked; };
  const go = (key) => { const link = one(`[data-go="${key}"]`); if (link) window.location.assign(link.href); };

  let waitingForGo = false;
  const keys = {
    j: () => step(1),
    k: () => step(-1),
    a: () => choose("approve"),
    r: () => choose("reject"),
    s: () => choose("return"),
    e: () => choose("escalate"),
    m: () => follow("m"),
    n: () => follow("n"),
    d: () => follow("d"),
    x: select,
    z: () => one("[data-undo]")?.requestSubmit(),
    c: () => one("[data-claim]")?.requestSubmit(),
    h: () => one("[data-snooze]")?.requestSubmit(),
    "/": () => one("input[type='search']")?.focus(),
    "?": () => one("#keys")?.showModal(),
    g: () => { waitingForGo = true; window.setTimeout(() => { waitingForGo = false; }, 1200); },
  };
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
      const form = event.target.closest("form");
      if (form) { event.preventDefault(); form.requestSubmit(); }
      return;
    }
    if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
    const menu = event.key === "Escape" && one("[data-menu][open]");
    if (menu) { menu.open = false; one("summary", menu).focus(); return; }
    if (!shortcutsOn() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target) || one("dialog[open]")) return;
    if (waitingForGo) { waitingForGo = false; go(event.key); event.preventDefault(); return; }
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });

  // An item that is before somebody's eyes is told once; nothing is recorded on GET.
  const looked = () => {
    const form = one("[data-look]");
    if (!form || form.dataset.told || document.hidden) return;
    form.dataset.told = "yes";
    fetch(form.action, { method: "POST", body: new FormData(form), credentials: "same-origin", keepalive: true });
  };
  // How long it was before their eyes, and what they opened, is added when they leave it.
  let since = document.hidden ? 0 : Date.now(), spent = 0;
  const reading = () => { if (since) spent += Date.now() - since; since = document.hidden ? 0 : Date.now(); };
  const left = () => {
    reading();
    const form = one("[data-look]");
    const seconds = Math.round(spent / 1000);
    spent = 0;
    if (!form?.dataset.told || !seconds) return;
    const body = new FormData(form);
    body.set("seconds", String(seconds));
    for (const part of all("#pane details[data-part][open]")) body.append("part", part.dataset.part);
    fetch(form.action, { method: "POST", body, credentials: "same-origin", keepalive: true });
  };
  document.addEventListener("visibilitychange", left);
  window.addEventListener("pagehide", left);
  document.addEventListener("htmx:beforeSwap", (event) => { if (event.detail.target?.id === "pane") left(); });
  document.addEventListener("DOMContentLoaded", looked);
  document.addEventListener("htmx:afterSettle", looked);
  document.addEventListener("visibilitychange", looked);

  // An error summary takes the focus, so that it is read first.
  document.addEventListener("DOMContentLoaded", () => one(".error-summary")?.focus());
  // The item that is open shows in the list beside it.
  document.addEventListener("DOMContentLoaded", () => one("[data-item][aria-current]")?.scrollIntoView({ block: "nearest" }));
})();
