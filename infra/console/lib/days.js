/** Usage day by day, in UTC. */

export const DAY_MS = 86_400_000;

/** @typedef {{ date: string, turns: number, messages: number, input_tokens: number, output_tokens: number, cost: number, avg_response_time_ms: number, by_model?: any[] }} Day */

/**
 * The days' models together, the dearest first. A cost is null where no call of a model has a price.
 * @param {Day[]} days
 * @returns {{ model_name: string | null, calls: number, input_tokens: number, output_tokens: number, cost: number | null }[]}
 */
export function byModel(days) {
  /** @type {Map<string | null, any>} */
  const found = new Map();
  for (const one of days.flatMap((day) => day.by_model ?? [])) {
    const sum = found.get(one.model_name) ?? { model_name: one.model_name, calls: 0, input_tokens: 0, output_tokens: 0, cost: null };
    sum.calls += one.calls;
    sum.input_tokens += one.input_tokens;
    sum.output_tokens += one.output_tokens;
    sum.cost = one.cost === null ? sum.cost : (sum.cost ?? 0) + one.cost;
    found.set(one.model_name, sum);
  }
  return [...found.values()].sort((one, other) => (other.cost ?? 0) - (one.cost ?? 0) || other.input_tokens + other.output_tokens - one.input_tokens - one.output_tokens);
}

/** A day as the API writes it. @param {Date} date */
export function iso(date) {
  return date.toISOString().slice(0, 10);
}

/** One entry for each day, those without usage too. @param {Day[]} days @param {Date} from @param {number} span @returns {Day[]} */
export function filled(days, from, span) {
  const known = new Map(days.map((day) => [day.date, day]));
  return Array.from({ length: span }, (_, at) => {
    const date = iso(new Date(from.getTime() + at * DAY_MS));
    return known.get(date) ?? { date, turns: 0, messages: 0, input_tokens: 0, output_tokens: 0, cost: 0, avg_response_time_ms: 0 };
  });
}
