// Swagger UI for the API, with requests sent in the browser's session.

/** @typedef {{headers: Record<string, string>}} SwaggerRequest */

const container = document.getElementById("docs");
const { SwaggerUIBundle } = /** @type {{SwaggerUIBundle: (settings: object) => void}} */ (/** @type {unknown} */ (window));
if (container) {
  SwaggerUIBundle({
    url: container.dataset.schema,
    domNode: container,
    deepLinking: true,
    persistAuthorization: false,
    validatorUrl: null,
    /** @param {SwaggerRequest} request @returns {SwaggerRequest} */
    requestInterceptor(request) {
      request.headers["X-CSRFToken"] = container.dataset.token ?? "";
      return request;
    },
  });
}
