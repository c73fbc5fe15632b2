"use strict";
// Shows the rows of a release and the column of a failure.

(() => {
  const table = document.getElementById("matrix");
  const release = document.getElementById("release");
  const failure = document.getElementById("failure");
  const rows = [...table.tBodies[0].rows];
  const columns = [...table.tHead.rows[0].cells].map((cell) => cell.dataset.failure || "");

  function offer(select, value, text) {
    const option = document.createElement("option");
    option.value = value;
    option.textContent = text;
    select.append(option);
  }

  const keys = (row) => row.dataset.minors.split(" ").map((minor) => `${row.dataset.builder} 1.${minor}`);
  rows.flatMap(keys).forEach((key) => offer(release, key, key));
  columns.filter(Boolean).forEach((id) => offer(failure, id, id));

  function filter() {
    for (const row of rows) row.hidden = Boolean(release.value) && !keys(row).includes(release.value);
    for (const row of [table.tHead.rows[0], ...rows]) {
      [...row.cells].forEach((cell, at) => {
        cell.hidden = Boolean(failure.value && columns[at]) && columns[at] !== failure.value;
      });
    }
  }

  release.addEventListener("change", filter);
  failure.addEventListener("change", filter);
})();
