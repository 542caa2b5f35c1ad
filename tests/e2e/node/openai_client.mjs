// OpenAI's own client; prints what it understood, as JSON.
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.BASE_URL,
  apiKey: process.env.API_KEY,
  maxRetries: 0,
});
const model = "gpt-6-luna";
/** @type {import("openai/lib/RunnableFunction").RunnableToolFunctionWithParse<object>} */
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather in a city.",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    },
    parse: JSON.parse,
    function: () => "sunny",
  },
};
/** @param {string} content */
const asked = (content) => [{ role: /** @type {const} */ ("user"), content }];

const plain = await client.chat.completions.create({ model, messages: asked("Hello") });

let streamed = "";
let usage;
const chunks = await client.chat.completions.create({
  model,
  messages: asked("Hello"),
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of chunks) {
  streamed += chunk.choices[0]?.delta.content ?? "";
  usage = chunk.usage ?? usage;
}

const runner = client.chat.completions.runTools({
  model,
  messages: asked("The weather in both"),
  tools: [weather],
});
const toolAnswer = await runner.finalContent();

const response = await client.responses.create({ model, input: "Hello" });
const events = [];
let final;
for await (const event of await client.responses.create({ model, input: "Hello", stream: true })) {
  events.push(event.type);
  if (event.type === "response.completed") final = event.response;
}

let job = await client.responses.create({ model, input: "Hello", background: true });
const submitted = job.status;
while (job.status === "queued" || job.status === "in_progress") {
  await new Promise((resolve) => setTimeout(resolve, 200));
  job = await client.responses.retrieve(job.id);
}

const models = [];
for await (const one of client.models.list()) models.push(one.id);

let refused;
try {
  await client.chat.completions.create({ model: "gpt-99", messages: asked("Hello") });
} catch (error) {
  refused = error instanceof OpenAI.NotFoundError ? error.code : String(error);
}

console.log(
  JSON.stringify({
    plain: plain.choices[0].message.content,
    streamed,
    usage,
    toolAnswer,
    response: response.output_text,
    events,
    final: final?.output,
    submitted,
    job: [job.status, job.output_text],
    models,
    refused,
  }),
);
