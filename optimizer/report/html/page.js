"use strict";
(function () {
  var root = document.documentElement;
  function all(query, from) { return Array.prototype.slice.call((from || document).querySelectorAll(query)); }
  all("[data-js]").forEach(function (node) { node.hidden = false; });

  var sides = ["system", "light", "dark"], theme = document.getElementById("theme");
  function dress(side) {
    if (side === "system") { delete root.dataset.theme; } else { root.dataset.theme = side; }
    theme.textContent = "Theme: " + side;
    theme.dataset.side = side;
  }
  function kept() { try { return localStorage.getItem("ratchet-theme"); } catch (error) { return null; } }
  if (theme) {
    dress(sides.indexOf(kept()) > 0 ? kept() : "system");
    theme.addEventListener("click", function () {
      var side = sides[(sides.indexOf(theme.dataset.side) + 1) % 3];
      dress(side);
      try { localStorage.setItem("ratchet-theme", side); } catch (error) { /* a page from a file may not remember */ }
    });
  }

  all("[data-filter]").forEach(function (button) {
    button.addEventListener("click", function () {
      var want = button.dataset.filter, shown = 0;
      all("[data-filter]").forEach(function (each) { each.setAttribute("aria-pressed", String(each === button)); });
      all("tr[data-is]").forEach(function (row) {
        row.hidden = want !== "all" && row.dataset.is.split(" ").indexOf(want) < 0;
        shown += row.hidden ? 0 : 1;
      });
      document.getElementById("shown").textContent = shown + " shown";
    });
  });

  all("[data-fold]").forEach(function (button) {
    button.addEventListener("click", function () {
      var open = button.dataset.fold === "open";
      all("details", document.getElementById(button.dataset.of)).forEach(function (node) { node.open = open; });
    });
  });

  function number(text) { var found = text.replace(/[,$]/g, "").match(/[-+]?\d+(\.\d+)?/); return found ? parseFloat(found[0]) : null; }
  all("th[data-sort]").forEach(function (head) {
    head.addEventListener("click", function () {
      var body = head.closest("table").tBodies[0], at = head.cellIndex, up = head.getAttribute("aria-sort") !== "ascending";
      all("th[data-sort]", head.parentNode).forEach(function (each) { each.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      var numeric = head.dataset.sort === "number";
      all("tr:not(.total)", body).map(function (row) {
        var text = row.cells[at].textContent, value = numeric ? number(text) : text;
        return { row: row, value: value };
      }).sort(function (a, b) {
        if (a.value === null || b.value === null) { return (a.value === null) - (b.value === null); }
        return (a.value < b.value ? -1 : a.value > b.value ? 1 : 0) * (up ? 1 : -1);
      }).forEach(function (each) { body.insertBefore(each.row, body.querySelector("tr.total")); });
    });
  });

  function reveal() {
    var node = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    for (var up = node; up; up = up.parentElement) { if (up.tagName === "DETAILS") { up.open = true; } }
    if (node) { node.scrollIntoView(); }
  }
  addEventListener("hashchange", reveal);
  reveal();
})();
