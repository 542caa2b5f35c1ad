/** A provider that answers all alike, for a gateway that has no mock of its own: `node upstream.js PORT ANSWER`. */
const http = require("node:http");

const [port, content] = process.argv.slice(2);
const answer = JSON.stringify({
  id: "chatcmpl-bench",
  object: "chat.completion",
  created: 1,
  model: "bench-model",
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  usage: { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30 },
});

const server = http.createServer((request, response) => {
  request.resume();
  request.on("end", () =>
    response.writeHead(200, { "content-type": "application/json" }).end(answer),
  );
});
server.keepAliveTimeout = 75_000;
server.listen(Number(port), "127.0.0.1");
