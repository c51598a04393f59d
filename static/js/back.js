// Classic script of the page that stands alone when something broke: a way back, where there is one.
"use strict";
(() => {
  const back = document.getElementById("back");
  if (!back || history.length < 2) return;
  back.hidden = false;
  back.querySelector("a").addEventListener("click", (event) => {
    event.preventDefault();
    history.back();
  });
})();
