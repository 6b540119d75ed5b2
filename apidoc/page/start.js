// Starts Swagger UI for the description that this gateway serves. Nothing is loaded
// from elsewhere, and credentials are forgotten with the page.

// The schemas of stanzas are large and recursive. Swagger UI works them out anew for each
// operation, for half a minute, so that here only their names stand, with a link.
const large = ["Stanza", "Wrapper", "QueryValue"];

function shorten(part) {
  for (const [key, value] of Object.entries(part ?? {})) {
    const name = value?.$ref?.split("/").pop();
    if (large.includes(name)) {
      const description = `${name}: its members are among the schemas in [openapi.yaml](../openapi.yaml)`;
      part[key] = {title: name, type: "object", description};
    } else if (typeof value === "object") {
      shorten(value);
    }
  }
}

// keepUsed leaves out the schemas to which nothing refers any more.
function keepUsed(spec) {
  const all = spec.components.schemas;
  const used = {};
  const visit = (part) => {
    for (const [, name] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (!(name in used)) {
        used[name] = all[name];
        visit(all[name]);
      }
    }
  };
  spec.components.schemas = {};
  visit(spec);
  spec.components.schemas = used;
}

const spec = await (await fetch("../openapi.json")).json();
shorten(spec.paths);
shorten(spec.webhooks);
shorten(spec.components.responses);
shorten(spec.components.requestBodies);
keepUsed(spec);

SwaggerUIBundle({
  spec,
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
