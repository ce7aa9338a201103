// Swagger UI over the product's own description; what it tries is sent with the browser's session.

/** @typedef {{headers: Record<string, string>}} Sent */

const place = document.getElementById("docs");
const { SwaggerUIBundle } = /** @type {{SwaggerUIBundle: (settings: object) => void}} */ (/** @type {unknown} */ (window));
if (place) {
  SwaggerUIBundle({
    url: place.dataset.schema,
    domNode: place,
    deepLinking: true,
    persistAuthorization: false,
    validatorUrl: null,
    /** @param {Sent} request @returns {Sent} */
    requestInterceptor(request) {
      request.headers["X-CSRFToken"] = place.dataset.token ?? "";
      return request;
    },
  });
}
