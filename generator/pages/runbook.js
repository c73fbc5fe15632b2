"use strict";
// Blocks of commands can be copied, and hold the node's name once it is filled in.

(() => {
  const PLACEHOLDER = "NODE=name-of-the-node";
  const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/; // what a shell takes as one word, too
  const blocks = [...document.querySelectorAll("main pre > code")].map((code) => ({
    code,
    text: code.textContent,
  }));

  async function copied(code) {
    try {
      await navigator.clipboard.writeText(code.textContent);
      return true;
    } catch {
      // Browsers keep the clipboard from pages that came over plain HTTP; they still copy a selection.
      getSelection().selectAllChildren(code);
      return document.execCommand("copy");
    }
  }

  function offerCopy({ code }) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      button.textContent = (await copied(code)) ? "Copied" : "Not copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    code.parentElement.before(button);
  }

  function fillIn(input, hint) {
    const name = input.value.trim();
    const good = NAME.test(name);
    hint.textContent = good || !name ? "" : " This is no name of a node: a-z, 0-9, dots and dashes.";
    input.setAttribute("aria-invalid", String(Boolean(name) && !good));
    for (const { code, text } of blocks) {
      code.textContent = good ? text.replaceAll(PLACEHOLDER, `NODE=${name}`) : text;
    }
  }

  function offerNode() {
    const first = blocks.find(({ text }) => text.includes(PLACEHOLDER));
    if (!first) return;
    const input = document.createElement("input");
    input.id = "node";
    input.autocomplete = "off";
    input.spellcheck = false;
    const label = document.createElement("label");
    label.append("Name of the node, for all commands here: ", input);
    const hint = document.createElement("span");
    hint.setAttribute("role", "status");
    const box = document.createElement("p");
    box.className = "node";
    box.append(label, hint);
    input.addEventListener("input", () => fillIn(input, hint));
    first.code.parentElement.before(box);
  }

  offerNode();
  blocks.forEach(offerCopy);
})();
