// The open model: arrivals at a fixed rate, whatever the answers do.
import http from 'k6/http';
import { check } from 'k6';

export const options = {
  scenarios: {
    open: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE),
      timeUnit: '1s',
      duration: __ENV.SECONDS + 's',
      preAllocatedVUs: 100,
      maxVUs: 500,
    },
  },
  discardResponseBodies: true,
  summaryTrendStats: ['med', 'p(99)'],
};

const tokens = Number(__ENV.TOKENS);

export default function () {
  const token = String(__ITER % tokens).padStart(4, '0');
  const answer = http.get('http://' + __ENV.ADDR + '/orders/42?expand=items', {
    headers: {
      host: 'shop.example.org',
      'user-agent': 'bench/1.0',
      accept: 'application/json',
      'accept-encoding': 'gzip',
      authorization: 'Bearer 6fq0vTz8sXkq4mWc1bYtR2nJ5hLd' + token,
    },
  });
  check(answer, { 'status 200': (r) => r.status === 200 });
}

export function handleSummary(data) {
  const m = data.metrics;
  return {
    stdout: JSON.stringify({
      requests: m.http_reqs.values.count,
      failed: m.checks.values.fails,
      dropped: m.dropped_iterations ? m.dropped_iterations.values.count : 0,
      p50: m.http_req_duration.values.med,
      p99: m.http_req_duration.values['p(99)'],
    }),
  };
}
