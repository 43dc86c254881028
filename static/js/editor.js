// Cedar text: Ace over the real textarea, which is what is posted. Without this the page still works.
"use strict";
(() => {
  const ace = window.ace;
  const read = (id) => JSON.parse(document.getElementById(id)?.textContent || "[]");
  const dark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  };
  const open = (field) => {
    ace.config.set("useStrictCSP", true);
    const frame = document.createElement("div");
    frame.className = "editor";
    field.before(frame);
    const editor = ace.edit(frame, {
      mode: "ace/mode/cedar", theme: dark() ? "ace/theme/github_dark" : "ace/theme/github",
      value: field.value, useWorker: false, enableKeyboardAccessibility: true, showPrintMargin: false,
      minLines: 16, maxLines: 48, tabSize: 2, fontSize: 13, wrap: true,
      enableBasicAutocompletion: true, enableLiveAutocompletion: true,
      placeholder: "forbid (principal, action, resource) when { … };",
    });
    editor.container.style.lineHeight = "20px";
    editor.renderer.updateFontSize();
    editor.textInput.getElement().setAttribute("aria-label", field.dataset.label);
    field.hidden = true;
    editor.session.on("change", () => { field.value = editor.getValue(); });
    editor.completers = [{
      getCompletions: (_editor, _session, _position, _prefix, answer) =>
        answer(null, read("cedar-words").map(([value, meta]) => ({ value, meta, score: 10 }))),
    }];
    editor.session.setAnnotations(read("cedar-problems").map(([line, text]) => ({ row: line - 1, column: 0, text, type: "error" })));
    const first = read("cedar-problems")[0];
    if (first) editor.gotoLine(first[0], 0, false);
  };
  document.addEventListener("DOMContentLoaded", () => {
    for (const field of document.querySelectorAll("textarea[data-cedar]")) if (ace) open(field);
  });
})();
