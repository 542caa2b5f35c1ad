/** What scripts here and in `examples` use of Node, whose own types would change those of the pages. */
declare const process: { env: Record<string, string | undefined> };
