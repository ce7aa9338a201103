// The form of a new station: time zone and country as in the browser, and currency as is usual in the country.

const form = document.querySelector(".model-station form#station_form");
if (form instanceof HTMLFormElement && form.querySelector("#id_first_weekday option[value='']")) suggest(form);

/** @param {HTMLFormElement} form */
function suggest(form) {
  const [zone, country, currency] = ["time_zone", "country", "currency"].map((name) => form.elements.namedItem(name));
  if (!(zone instanceof HTMLSelectElement && country instanceof HTMLSelectElement && currency instanceof HTMLSelectElement)) return;
  let isOwnCurrency = false;
  currency.addEventListener("change", () => (isOwnCurrency = true));
  const follow = () => {
    const usual = country.selectedOptions[0]?.dataset.currency;
    if (usual && !isOwnCurrency) choose(currency, usual);
  };
  country.addEventListener("change", follow);
  if (document.querySelector(".errornote")) return;
  choose(zone, Intl.DateTimeFormat().resolvedOptions().timeZone);
  choose(country, new Intl.Locale(navigator.language).maximize().region ?? "");
  follow();
}

/** @param {HTMLSelectElement} select @param {string} value ignored if it is not offered */
function choose(select, value) {
  if ([...select.options].some((one) => one.value === value)) select.value = value;
}
