/** The API's document as a page: what it shows is `openapi.json` beside it, and nothing is asked elsewhere. */

import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";

const dark = matchMedia("(prefers-color-scheme: dark)");

function paint() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

paint();
dark.addEventListener("change", paint);

SwaggerUI({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  // Its default is a service on the internet that would be told the address of this document.
  validatorUrl: null,
});
