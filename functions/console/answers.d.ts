/** What the console reads of the answers of the API. */

import type { ErrorBody } from "./static/kit-fetch.js";

export interface Excluded {
  model: string;
  reason: string;
}

export interface Candidate {
  model: string;
  provider: string;
  reason?: string;
  final_score: number;
  cost_score?: number;
  latency_score?: number;
  quality_score?: number;
  availability_score?: number;
  quality?: number;
  estimated_cost_usd: number;
  estimated_latency_ms: number;
}

export interface Decision {
  candidates: Candidate[];
  reserve?: Candidate[];
  excluded: Excluded[];
  reason?: string;
  weights?: Record<string, number>;
}

interface TaskSource {
  task: string;
  task_source: "caller" | "classifier";
  task_confidence: number;
}

interface Routing extends Decision, TaskSource {
  selected_model: string;
  provider: string;
}

export interface DryRun {
  routing: Routing & {
    candidates: (Candidate & { worst_case_cost_usd: number; p95_latency_ms: number })[];
  };
  performance: { routing_time_ms: number };
}

export interface Usage {
  input_tokens: number;
  cached_input_tokens: number;
  output_tokens: number;
  total_cost_usd: number;
  simulated_cost_usd?: number;
  usage_source: "provider" | "estimated";
  baseline_model?: string | null;
  savings_usd: number;
}

export interface DroppedParameter {
  parameter: string;
  reason: string;
}

export interface ToolCall {
  function: { name: string; arguments: string };
}

export interface Answer {
  result: string;
  request_id: string;
  cached: boolean;
  mock: boolean;
  tool_calls: ToolCall[];
  finish_reason: string;
  routing: Routing & { dropped_parameters: DroppedParameter[] };
  usage: Usage;
  performance: { total_time_ms: number; routing_time_ms: number; inference_time_ms: number };
}

/** What is left out is 0, and `try` 1; `possibly_billed` is of an earlier version. */
export interface Attempt {
  model: string;
  provider: string;
  try?: number;
  outcome: string;
  message?: string;
  elapsed_ms: number;
  waited_ms?: number;
  retries?: number;
  usage?: { input_tokens: number; output_tokens: number };
  cost_usd?: number;
  possibly_billed_usd?: number;
  possibly_billed?: boolean;
}

export interface Feedback {
  score: number;
}

export type Status = "SUCCEEDED" | "FAILED" | "ABORTED" | "TIMED_OUT";

export interface AuditRecord {
  request_id: string;
  caller_id: string;
  caller: string;
  created_at: string;
  status: Status;
  mode: string;
  mock?: boolean;
  latency_ms?: number;
  provider_ms?: number;
  waited_ms?: number;
  overhead_ms?: number;
  performance?: { total_time_ms: number };
  cache?: "hit" | "miss";
  cached_from?: { request_id: string; model: string; provider: string };
  cost_usd: number;
  simulated_cost_usd?: number;
  possibly_billed_usd?: number;
  savings_usd?: number;
  usage?: { baseline_model?: string | null };
  model?: string;
  model_preference?: string;
  price_version?: string;
  policy_version?: string;
  trace_id?: string;
  prompt?: string;
  error_code?: string;
  error?: ErrorBody;
  attempts?: Attempt[];
  profile?: TaskSource & { classify_ms: number };
  decision?: Decision & { score_ms: number };
  feedback?: Feedback;
}

export interface LoggedRequest {
  request_id: string;
  caller_id: string;
  caller: string;
  created_at: string;
  status: Status;
  task: string | null;
  model: string | null;
  mock: boolean | null;
  latency_ms: number | null;
  cost_usd: number;
  simulated_cost_usd?: number | null;
  possibly_billed_usd?: number | null;
  fallbacks: number;
  error_code: string | null;
}

export interface Reader {
  caller_id: string;
  is_operator: boolean;
}

export interface Limit {
  period: "day" | "month" | "total";
  limit_usd: number;
  spent_usd: number;
  held_usd: number;
  left_usd: number;
  used: number;
  renews_at: string | null;
}

export interface Budget {
  name: string;
  mode: "strict" | "expected";
  tier_down_at: number;
  limits: Limit[];
  tokens_per_minute: { limit: number; left: number } | null;
}

export interface Caller {
  caller_id: string;
  name: string;
  plan: string;
  expires_at: string | null;
  models: string[] | null;
  tasks: string[] | null;
  budget: Budget | null;
}

/** Of a 402; one that the whole stage shares has no amounts. */
export interface BudgetRefusal {
  limit: string;
  limit_usd?: number;
  left_usd?: number;
  needed_usd?: number;
  renews_at?: string | null;
}

export interface LogsPage {
  data: LoggedRequest[];
  next_cursor: string | null;
  reader: Reader;
}

export interface Model {
  id: string;
  provider: string;
  usable: boolean;
}

export interface Realtime {
  data: {
    from: string;
    requests: number;
    failed: number;
    rejected: number;
    errors: number;
    latency_ms: { p95: number | null };
  }[];
  requests: number;
  rejected: number;
  errors: number;
  cost_usd: number;
}

export interface Summary {
  window: string;
  from: string;
  requests: { total: number; rejected: number; errors: number };
  latency_ms: { p50: number | null; p95: number | null; p99: number | null };
  overhead_ms: { p50: number | null; p95: number | null; p99: number | null };
  costs: { total_usd: number; savings_usd: number };
  fallbacks: number;
}
