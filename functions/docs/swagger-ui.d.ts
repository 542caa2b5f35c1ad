/** What the page uses of a package that has no types. */

export default function SwaggerUI(options: {
  url: string;
  dom_id: string;
  deepLinking: boolean;
  displayRequestDuration: boolean;
  filter: boolean;
  validatorUrl: null;
}): unknown;
