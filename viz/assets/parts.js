// What all of a page's scripts share: the page, and its parts by their names.
"use strict";
const page = document.currentScript.closest(".page");
const part = (name) => document.getElementById(page.dataset.prefix + name);
