// Starts Swagger UI for the description that this gateway serves. Nothing is loaded
// from elsewhere, and credentials are forgotten with the page.
SwaggerUIBundle({
  url: "../openapi.json",
  dom_id: "#api",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  defaultModelExpandDepth: 2,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  persistAuthorization: false,
  validatorUrl: null,
});
