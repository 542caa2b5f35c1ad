// Vercel's AI SDK: a stream of text by Chat Completions.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";

const engine = createOpenAICompatible({
  name: "engine",
  baseURL: process.env.BASE_URL ?? "http://127.0.0.1:8000/api/v1",
  apiKey: process.env.API_KEY ?? "dev-key-123",
  includeUsage: true,
});

const result = streamText({ model: engine("auto"), prompt: "Say hello in three languages." });
let text = "";
for await (const part of result.textStream) text += part;
console.log(text);
console.log(`${(await result.usage).outputTokens} tokens were written.`);
