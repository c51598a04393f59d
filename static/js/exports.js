// Shows of the options only what the chosen format heeds. Without it all are shown, and those not heeded do nothing.

const form = document.querySelector(".export-form");
const spelling = form?.querySelector("[data-spelling]");
const address = form?.querySelector("[data-address-field]");

const show = () => {
  const chosen = form.querySelector("input[name=format]:checked");
  spelling.hidden = Boolean(chosen?.hasAttribute("data-literal"));
  address.hidden = !chosen?.hasAttribute("data-address");
};

if (form) {
  form.addEventListener("change", show);
  show();
}
