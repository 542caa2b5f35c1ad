/** What the console reads of the answers of the API. */

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
  usage_source: "provider" | "estimated";
  baseline_model: string;
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

export interface Attempt {
  model: string;
  provider: string;
  outcome: string;
  message?: string;
  elapsed_ms: number;
  retries: number;
  usage?: { input_tokens: number; output_tokens: number };
  cost_usd: number;
  possibly_billed: boolean;
}

export interface Feedback {
  score: number;
}

export interface AuditRecord {
  request_id: string;
  created_at: string;
  status: "SUCCEEDED" | "FAILED" | "ABORTED" | "TIMED_OUT";
  mode: string;
  latency_ms: number;
  cost_usd: number;
  savings_usd?: number;
  model?: string;
  model_preference: string;
  price_version?: string;
  policy_version?: string;
  trace_id?: string;
  prompt?: string;
  error_code: string;
  error?: { code: string; message: string };
  attempts: Attempt[];
  profile?: TaskSource & { classify_ms: number };
  decision?: Decision & { score_ms: number };
  feedback?: Feedback;
}

export interface LoggedRequest {
  request_id: string;
  created_at: string;
  status: "SUCCEEDED" | "FAILED" | "ABORTED" | "TIMED_OUT";
  task: string | null;
  model: string | null;
  latency_ms: number;
  cost_usd: number;
  fallbacks: number;
  error_code: string | null;
}

export interface Model {
  id: string;
  provider: string;
  usable: boolean;
}

export interface Realtime {
  buckets: {
    start: string;
    requests: number;
    failed: number;
    latency_ms: { p95: number | null };
  }[];
  requests: number;
  failed: number;
  cost_usd: number;
}

export interface Summary {
  window: string;
  from: string;
  requests: { total: number; failed: number };
  latency_ms: { p50: number | null; p95: number | null; p99: number | null };
  costs: { total_usd: number; savings_usd: number };
  fallbacks: number;
}
