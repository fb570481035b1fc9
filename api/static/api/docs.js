"use strict";

const place = document.getElementById("swagger-ui");

SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  // Calls go to this very registry and nowhere else; keys stay in the page's memory.
  persistAuthorization: false,
  validatorUrl: null,
});
