"use strict";

// Text of numbers and names. Names are chosen by clients: they reach the page as text and in no
// other way.

const $ = (id) => document.getElementById(id);

function el(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

// Replaces a text only where it differs, so that a selection in it survives.
function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Characters without a glyph of their own, or that turn the direction of their neighbours.
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]/gu;

function visible(name) {
  return name.replace(HIDDEN, (character) => `\\u{${character.codePointAt(0).toString(16)}}`);
}

const count = (number) => Math.round(number).toLocaleString("en");

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit += 1; }
  const digits = bytes >= 100 || Number.isInteger(bytes) ? 0 : 1;
  return bytes.toFixed(digits) + " " + units[unit];
}

// A size in the largest unit that needs no fraction.
function exact(bytes) {
  let unit = 1;
  while (unit < 2 ** 40 && bytes && bytes % (unit * 1024) === 0) unit *= 1024;
  return size(unit).replace("1 ", count(bytes / unit) + " ");
}

function time(us) {
  return us >= 1000 ? us / 1000 + " ms" : us + " us";
}

function duration(seconds) {
  const [d, h, m] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (d) return `${d} d ${h} h`;
  if (h) return `${h} h ${m} min`;
  return m ? `${m} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`;
}

const hex = (address) => "0x" + address.toString(16);

// The bound below which a part of the timed calls lies; null where no call was timed.
function quantile(classes, part, bounds) {
  const all = classes.reduce((sum, number) => sum + number, 0);
  if (!all) return null;
  let sum = 0;
  for (let at = 0; at < classes.length; at += 1) {
    sum += classes[at];
    if (sum >= all * part) return at < bounds.length ? bounds[at] : Infinity;
  }
  return Infinity;
}

function bound(us, bounds) {
  if (us === null) return "–";
  return us === Infinity ? "> " + time(bounds[bounds.length - 1]) : "≤ " + time(us);
}
