// OpenAI's own client for Node.
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.BASE_URL ?? "http://127.0.0.1:8000/api/v1",
  apiKey: process.env.API_KEY ?? "dev-key-123",
});

const { data, response } = await client.chat.completions
  .create({ model: "auto:fast", messages: [{ role: "user", content: "Say hello." }] })
  .withResponse();
console.log(`${data.model}: ${data.choices[0].message.content}`);
console.log(`It cost ${response.headers.get("x-cost-usd")} USD.`);
