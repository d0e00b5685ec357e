// What all of a page's scripts share: the page, and its parts by their names.
"use strict";
const page = document.currentScript.closest(".page");
const part = (name) => document.getElementById(page.dataset.prefix + name);
const say = (name, words = "", kind = "") => Object.assign(part(name), { textContent: words, className: `said ${kind}` });
const on = (name, kind, act) => part(name).addEventListener(kind, act);
const tell = (what) => page.dispatchEvent(new Event(what)); // the page's other scripts
const make = (tag, textContent = "", more) => Object.assign(document.createElement(tag), { textContent, ...more });
const drawn = (tag, attributes = {}) => {
  const found = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) found.setAttribute(name, value);
  return found;
};
