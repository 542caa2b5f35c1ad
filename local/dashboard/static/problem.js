/** Something to be said in the place where the widget or the page would be. */
export class Problem extends Error {}
