// Vercel's AI SDK by Responses and by Chat Completions; prints what it understood, as JSON.
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";

const settings = { baseURL: process.env.BASE_URL ?? "", apiKey: process.env.API_KEY };
const model = "gpt-6-luna";
const models = {
  responses: createOpenAI(settings)(model),
  chat: createOpenAICompatible({
    ...settings,
    name: "engine",
    includeUsage: true,
    supportsStructuredOutputs: true,
  })(model),
};
const city = jsonSchema({
  type: "object",
  properties: { name: { type: "string" }, people: { type: "integer" } },
  required: ["name", "people"],
  additionalProperties: false,
});
const weather = tool({
  description: "The weather in a city.",
  inputSchema: jsonSchema({
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  }),
  execute: async () => "sunny",
});

/** @param {import("ai").LanguageModel} one */
async function told(one) {
  const common = { model: one, maxRetries: 0 };
  const plain = await generateText({ ...common, prompt: "Hello" });
  const stream = streamText({ ...common, prompt: "Hello" });
  let streamed = "";
  for await (const part of stream.textStream) streamed += part;
  const tools = await generateText({
    ...common,
    prompt: "The weather in both",
    tools: { get_weather: weather },
    stopWhen: stepCountIs(2),
  });
  const streamedTools = streamText({
    ...common,
    prompt: "The weather in both",
    tools: { get_weather: weather },
    stopWhen: stepCountIs(2),
  });
  const object = await generateText({
    ...common,
    prompt: "Bern as JSON",
    output: Output.object({ schema: city }),
  });
  return {
    plain: plain.text,
    finish: plain.finishReason,
    usage: plain.usage,
    streamed,
    streamedUsage: await stream.usage,
    calls: tools.steps[0].toolCalls.map((call) => call.input),
    toolAnswer: tools.text,
    streamedToolAnswer: await streamedTools.text,
    object: object.output,
    warnings: plain.warnings ?? [],
  };
}

console.log(
  JSON.stringify({ responses: await told(models.responses), chat: await told(models.chat) }),
);
