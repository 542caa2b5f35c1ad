#!/usr/bin/env node
/**
 * Prisma's query engine for a client in Python, which asks in GraphQL over HTTP and starts a program for it.
 *
 * The program itself comes from no package registry; the same engine as WebAssembly does, which takes JSON. Here
 * stands what is between the two. What this process takes is nobody's figure: the program takes less.
 */
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");

const ACTION =
  /^(findUnique|findFirst|findMany|createOne|createMany|updateOne|updateMany|upsertOne|deleteOne|deleteMany|aggregate|groupBy)(.+?)(OrThrow)?$/;
const TOKEN = /\s*("(?:[^"\\]|\\.)*"|[{}()[\]:,]|[^\s{}()[\]:,"]+),?/gy;

/** A GraphQL document as JSON's protocol has it. Of the language there is what the client writes. */
class Reader {
  constructor(text) {
    this.tokens = [...text.matchAll(TOKEN)].map((found) => found[1]).filter((one) => one !== ",");
    this.at = 0;
  }

  next() {
    return this.tokens[this.at++];
  }

  is(token) {
    if (this.tokens[this.at] !== token) return false;
    this.at++;
    return true;
  }

  document() {
    const kind = this.next();
    if (kind !== "query" && kind !== "mutation") throw new Error(`unknown operation ${kind}`);
    this.is("{");
    this.next(); // the name of the result, always the same
    this.is(":");
    const method = this.next();
    const args = this.is("(") ? this.fields(")") : {};
    const selection = this.is("{") ? this.selection() : {};
    const query = { arguments: args, selection };
    const found = ACTION.exec(method);
    if (!found) return { action: method, query };
    return { modelName: found[2], action: found[1] + (found[3] ?? ""), query };
  }

  fields(end) {
    const fields = {};
    while (!this.is(end)) {
      const name = this.next();
      this.is(":");
      fields[name.startsWith('"') ? JSON.parse(name) : name] = this.value();
    }
    return fields;
  }

  value() {
    const token = this.next();
    if (token === "{") return this.fields("}");
    if (token === "[") {
      const values = [];
      while (!this.is("]")) values.push(this.value());
      return values;
    }
    try {
      return JSON.parse(token);
    } catch {
      return token; // one of an enumeration
    }
  }

  selection() {
    const selected = {};
    while (!this.is("}")) {
      const name = this.next();
      const args = this.is("(") ? this.fields(")") : undefined;
      if (!this.is("{")) selected[name] = true;
      else {
        const selection = this.selection();
        selected[name] = { selection, ...(args && { arguments: args }) };
      }
    }
    return selected;
  }
}

/** A value as GraphQL has it: without its type, where JSON's protocol names one. */
function untyped(value) {
  if (Array.isArray(value)) return value.map(untyped);
  if (value === null || typeof value !== "object") return value;
  if ("$type" in value) return value.value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, untyped(one)]));
}

function answered(told) {
  if (!told.data) return told;
  return { data: { result: untyped(Object.values(told.data)[0]) } };
}

const TEXT = 25;
const TEXTS = 1009;
/** Types of PostgreSQL that the engine reads as text: `name`, `void`, `regclass`, and a list of names. */
const READ_AS = new Map([
  [19, TEXT],
  [2278, TEXT],
  [2205, TEXT],
  [1003, TEXTS],
]);

/** The engine's own program knows more types than its WebAssembly does. */
function readMoreTypes({ Client }) {
  const { query } = Client.prototype;
  Client.prototype.query = async function (...given) {
    const result = await query.apply(this, given);
    for (const field of result?.fields ?? []) {
      field.dataTypeID = READ_AS.get(field.dataTypeID) ?? field.dataTypeID;
    }
    return result;
  };
}

function engine() {
  const runtime = path.dirname(require.resolve("@prisma/client/runtime/library.js"));
  const bindings = require(path.join(runtime, "query_engine_bg.postgresql.js"));
  const binary = fs.readFileSync(path.join(runtime, "query_engine_bg.postgresql.wasm"));
  const instance = new WebAssembly.Instance(new WebAssembly.Module(binary), {
    "./query_engine_bg.js": bindings,
  });
  bindings.__wbg_set_wasm(instance.exports);
  const { Client, Pool } = require("pg");
  readMoreTypes({ Client });
  const { PrismaPg } = require("@prisma/adapter-pg");
  const { bindAdapter } = require("@prisma/driver-adapter-utils");
  const pool = new Pool({ connectionString: process.env.DATABASE_URL.split("?")[0] });
  const options = {
    datamodel: fs.readFileSync(process.env.PRISMA_DML_PATH, "utf8"),
    logLevel: "error",
    logQueries: false,
    configDir: ".",
    engineProtocol: "json",
    env: process.env,
    datasourceOverrides: {},
  };
  return new bindings.QueryEngine(options, console.error, bindAdapter(new PrismaPg(pool)));
}

async function asked(running, body, transaction) {
  const given = JSON.parse(body);
  if (!given.batch) {
    const told = await running.query(
      JSON.stringify(new Reader(given.query).document()),
      "{}",
      transaction,
    );
    return answered(JSON.parse(told));
  }
  const batch = given.batch.map((one) => new Reader(one.query).document());
  const more = given.transaction ? { transaction: {} } : {};
  const told = JSON.parse(
    await running.query(JSON.stringify({ batch, ...more }), "{}", transaction),
  );
  return told.batchResult ? { batchResult: told.batchResult.map(answered) } : told;
}

async function routed(running, request, body) {
  const [, first, id, action] = request.url.split("?")[0].split("/");
  if (first === "status") return { status: "ok" };
  if (first === "metrics")
    return JSON.parse(await running.metrics(JSON.stringify({ format: "json" })));
  if (first !== "transaction") return asked(running, body, request.headers["x-transaction-id"]);
  if (id === "start") return JSON.parse(await running.startTransaction(body, "{}"));
  if (action === "commit") return JSON.parse(await running.commitTransaction(id, "{}"));
  return JSON.parse(await running.rollbackTransaction(id, "{}"));
}

async function serve(port) {
  const running = engine();
  await running.connect("{}");
  const server = http.createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts).toString();
    try {
      const told = JSON.stringify(await routed(running, request, body));
      response.writeHead(200, { "content-type": "application/json" }).end(told);
    } catch (error) {
      console.error(error, body.slice(0, 300));
      response.writeHead(500).end(JSON.stringify({ errors: [{ error: String(error) }] }));
    }
  });
  server.keepAliveTimeout = 75_000;
  server.listen(port);
}

if (process.argv.includes("--version")) {
  console.log("query-engine 393aa359c9ad4a4bb28630fb5613f9c281cde053");
} else {
  serve(Number(process.argv[process.argv.indexOf("-p") + 1]));
}
